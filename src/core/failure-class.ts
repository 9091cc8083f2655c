/**
 * The classes of what Codex says when it fails, and what each means for the task and for the directory. What is said in
 * which words is in `codex-words.ts`.
 */
const FAILURE_CLASSES = [
  /** The account's usage limit, until a time that is known or not: the whole directory pauses. */
  'limited',
  /** Too many requests at this moment: fewer at once, and this one later. */
  'rate-limited',
  /** Something at the server, or on the way: the same again may go better. */
  'transient',
  /** The server could not be reached at all. */
  'network',
  'auth',
  /** Nothing left to spend: only money helps, no waiting. */
  'quota',
  'model-refused',
  /** The thread is too long for the model: a new one may not be. */
  'context-exceeded',
  'sandbox-unusable',
  /** Codex cannot read the prompt or its own arguments. */
  'invalid-input',
  /** The thread that was to be continued is not there, or somebody else is in it. */
  'thread-lost',
  'permanent',
  'unknown',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** How a task goes on after a failure: in Codex's same thread, which knows what was done, in a new one, or not at all. */
export type NextAttempt = 'same-thread' | 'fresh-thread' | 'never';

interface Consequence {
  readonly next: NextAttempt;
  /** Whether the attempt is one of those that `--retries` allows. */
  readonly spends: boolean;
}

const CONSEQUENCES: Readonly<Record<FailureClass, Consequence>> = {
  limited: { next: 'same-thread', spends: false },
  'rate-limited': { next: 'same-thread', spends: false },
  transient: { next: 'same-thread', spends: true },
  network: { next: 'same-thread', spends: true },
  auth: { next: 'same-thread', spends: false },
  quota: { next: 'same-thread', spends: false },
  'model-refused': { next: 'same-thread', spends: false },
  'context-exceeded': { next: 'fresh-thread', spends: true },
  'sandbox-unusable': { next: 'fresh-thread', spends: false },
  'invalid-input': { next: 'never', spends: true },
  'thread-lost': { next: 'fresh-thread', spends: false },
  permanent: { next: 'never', spends: true },
  unknown: { next: 'fresh-thread', spends: true },
};

export const consequenceOf = (of: FailureClass): Consequence => CONSEQUENCES[of];

/** What was typed for the commands that show what agents ask, and answer it: every value checked. */
import type { OptionBag } from './arguments.ts';
import { UsageError } from './errors.ts';
import type { Decision } from './question.ts';
import { flag, patterns, text } from './requests.ts';
import type { Places } from './sources.ts';

export interface ApprovalsOptions {
  readonly patterns: readonly string[];
  readonly json: boolean;
  /** One after another, answered by keys. */
  readonly interactive: boolean;
}

/** Throws UsageError. */
export function approvalsOptions(places: Places): ApprovalsOptions {
  const { bag } = places;
  const [json, interactive] = [flag(bag, 'json'), flag(bag, 'interactive')];
  if (json && interactive)
    throw new UsageError('--json and --interactive contradict each other', 'leave one of them out');
  return { patterns: patterns(places), json, interactive };
}

/** So many hexadecimal digits of a digest that nobody finds two questions with the same: 128 bits. */
const UNFORGEABLE = 32;

export interface AnswerOptions {
  readonly task: string;
  readonly decision: Decision;
  /** The first digits of the question's digest, six or more. */
  readonly id?: string;
  /** Without being asked whether it is meant. */
  readonly yes: boolean;
}

/** Throws UsageError unless there is just one task. */
export function answerOptions(
  verb: 'approve' | 'deny',
  tasks: readonly string[],
  bag: OptionBag,
): AnswerOptions {
  const [task, ...others] = tasks;
  if (task === undefined)
    throw new UsageError(`${verb}: no task was named`, 'codex-worker approvals shows what is asked');
  if (others.length > 0)
    throw new UsageError(
      `${verb}: got ${tasks.length} tasks; it answers one`,
      'each is asked something else: look at one after the other with codex-worker approvals --interactive',
    );
  const typed = text(bag, 'question');
  const id = typed?.toLowerCase();
  if (id !== undefined && !/^[0-9a-f]{6,64}$/.test(id))
    throw new UsageError(
      `--question: got ${JSON.stringify(typed)}; allowed are the six digits that stand beside a question`,
      'codex-worker approvals shows them',
    );
  const yes = flag(bag, 'yes');
  if (yes && id !== undefined && id.length < UNFORGEABLE)
    throw new UsageError(
      `--yes: with --question it takes the whole digest, and got ${id.length} digits of it`,
      'an agent can find another question that begins with the same few; without --yes it is shown first',
    );
  return { task, decision: decisionOf(verb, bag), yes, ...(id !== undefined && { id }) };
}

function decisionOf(verb: 'approve' | 'deny', bag: OptionBag): Decision {
  if (verb === 'deny') return flag(bag, 'stop') ? 'stop' : 'deny';
  return flag(bag, 'session') ? 'approve-session' : 'approve';
}

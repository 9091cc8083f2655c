/**
 * What an attempt has cost, and its line in the journal of the directory. Codex's figures are of the whole thread, and
 * threads are continued: so what counts is the difference to what the thread had spent before.
 */
import type { ClaimRecord } from '../core/claim.ts';
import type { Failure } from '../core/failure.ts';
import type { JournalEntry } from '../core/journal-entry.ts';
import { isSystemError } from '../core/errors.ts';
import { addUsage, NO_USAGE, type Usage } from '../core/outcome.ts';
import { tokensIn, usageSince } from '../core/spending.ts';
import type { Accounts } from '../io/accounts.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { readThread, type History } from '../io/earlier-attempts.ts';
import { isThreadId } from '../io/rollout.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { AttemptOrder } from './order.ts';
import { noteUnheard } from './unheard-questions.ts';
import type { World } from './world.ts';

/** An attempt, as far as it is accounted for. */
interface Accounted {
  readonly world: World;
  readonly order: AttemptOrder;
  readonly history: History;
  readonly thread: string | undefined;
  readonly spentBefore?: Usage | undefined;
}

interface Ended {
  readonly kind: string;
  readonly failure?: Failure;
}

/** The total of a thread that is to be continued, read while nobody writes in it. */
export async function spentIn({ accounts }: World, thread: string | undefined): Promise<Usage> {
  const total = thread && (await unlessRefused(async () => accounts?.threadTotal(thread)));
  return total || NO_USAGE;
}

/** What is only counted here must not hold up what it is counted for. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return undefined;
  }
}

/**
 * What the attempt has spent so far, or in all when it has ended; `undefined` when nobody knows. Codex's own file knows of
 * turns that never ended as well; what it printed is believed where that file says less, or nothing.
 */
export async function usageOf(
  { world, thread, spentBefore }: Pick<Accounted, 'world' | 'thread' | 'spentBefore'>,
  heard: Pick<CodexListener, 'threadId' | 'usage'>,
): Promise<Usage | undefined> {
  const { threadId, usage } = heard;
  if (threadId === undefined || (usage && threadId !== thread)) return usage; // a thread of its own, and its own figures
  const total = larger(usage, await world.accounts?.threadTotal(threadId));
  return total && usageSince(total, threadId === thread && spentBefore ? spentBefore : NO_USAGE);
}

function larger(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return a ?? b;
  return tokensIn(a) > tokensIn(b) ? a : b;
}

/** By the owner: between F3 and the release, so that it stands there when anybody can take the task again. */
export async function noteEnd(
  { world, order, history }: Accounted,
  end: Ended,
  cost: { readonly usage: Usage; readonly durationMs: number; readonly willRetry: boolean },
  thread: string | undefined,
): Promise<void> {
  const { claim, run, by, task, directory } = order;
  const entry: JournalEntry = {
    at: world.now().getTime(),
    run,
    by,
    task: task.name,
    attempt: history.nextAttempt,
    claim,
    ...(isThreadId(thread) ? { thread } : {}),
    ...endOf(end, cost.willRetry),
    usage: cost.usage,
    durationMs: Math.round(cost.durationMs),
  };
  await unlessRefused(async () => world.accounts?.append(directory, entry));
}

function endOf({ kind, failure }: Ended, willRetry: boolean): Pick<JournalEntry, 'outcome' | 'why'> {
  if (failure) return { outcome: willRetry ? 'retry' : 'failed', why: kindOf(failure) };
  return kind === 'succeeded' ? { outcome: 'completed' } : { outcome: 'given-back', why: kind };
}

const kindOf = (failure: Failure) => ('class' in failure ? `${failure.kind} ${failure.class}` : failure.kind);

/**
 * In the place of an owner that is dead. What its agent had printed names the thread; what earlier attempts had spent in it
 * stands in the journal. An agent that had not begun to speak has no line.
 */
export async function noteDeath(world: World, directory: TaskDirectory, record: ClaimRecord): Promise<void> {
  const { accounts } = world;
  if (!accounts) return;
  await unlessRefused(() => append(world, accounts, directory, record));
  await unlessRefused(() => noteUnheard(world, accounts, directory, record));
}

async function append(
  world: World,
  accounts: Accounts,
  directory: TaskDirectory,
  record: ClaimRecord,
): Promise<void> {
  const { claim, run, by, task, attempt } = record;
  const thread = await readThread(world.files, directory, record);
  if (thread === undefined) return;
  const total = await accounts.threadTotal(thread);
  // A first attempt continues no thread; and a journal may be long to read.
  const entries = attempt > 1 ? await accounts.reader(directory).read() : [];
  if (entries.some((entry) => entry.claim === claim)) return; // it had come as far as that
  const before = entries
    .filter((entry) => entry.thread === thread)
    .reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE);
  await accounts.append(directory, {
    at: world.now().getTime(),
    run,
    by,
    task,
    attempt,
    claim,
    thread,
    outcome: 'died',
    usage: total ? usageSince(total, before) : NO_USAGE,
    durationMs: 0,
  });
}

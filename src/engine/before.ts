/** What a run that takes failed tasks again does without, although their earlier attempts had it. */
import { isVerifyFailure } from '../core/failure.ts';
import { AGENT_MODES, type AgentMode, type RunOptions } from '../core/options.ts';
import { printable, shellQuoted } from '../core/printable.ts';
import type { ListedTask, RanWith } from '../core/reports.ts';
import { markerOf, type Task } from '../core/task.ts';
import type { Files } from '../io/files.ts';
import { readRanWith } from '../io/ran-with.ts';
import { readReason } from '../io/result-log.ts';
import { readOwnSettings } from './own-settings.ts';

/** Of so many failed tasks the logs are read: one notice stands for all. */
const MOST_LOOKED_AT = 16;

export interface Missing {
  readonly message: string;
  readonly hint: string;
}

/** `failed` with the reasons in their logs. `undefined` where the run verifies them, or was told not to. */
export async function missingVerify(
  files: Files,
  failed: readonly ListedTask[],
  options: RunOptions,
): Promise<Missing | undefined> {
  if (isVerifySettled(options)) return undefined;
  const unverified: ListedTask[] = [];
  for (const one of failed) {
    if (!isVerifyFailure(one.reason)) continue;
    const own = await readOwnSettings(files, one.task, options);
    if (own.kind === 'allowed' && !own.settings.verify) unverified.push(one);
  }
  const [first] = unverified;
  if (!first) return undefined;
  const command = first.log === undefined ? undefined : (await readRanWith(files, first.log))?.verify;
  return sayMissing(first.task, unverified.length, command);
}

/** There is one, or somebody has said that there should be none. */
const isVerifySettled = ({ verify, given, dryRun }: RunOptions) =>
  verify !== undefined || given.includes('verify') || dryRun;

function sayMissing({ label }: Task, count: number, command: string | undefined): Missing {
  const others = count > 1 ? `, and ${count - 1} more failed theirs` : '';
  const what = command === undefined ? '' : ` (${command})`;
  return {
    message: `${printable(label)} failed its check${what}${others}; this run has no --verify`,
    hint: `repeat the options: --verify ${command === undefined ? '<command>' : shellQuoted(command)}, or --no-verify to take ${count > 1 ? 'them' : 'it'} without`,
  };
}

interface Earlier extends ListedTask {
  readonly ranWith: RanWith;
}

/** A line each, for a run that takes these failed tasks: the verification, and the mode, that it has not. */
export async function missingFor(
  files: Files,
  failed: readonly Task[],
  options: RunOptions,
): Promise<readonly string[]> {
  if (options.dryRun) return [];
  const earlier = await Promise.all(
    failed.slice(0, MOST_LOOKED_AT).map(async (task): Promise<Earlier> => {
      const log = `${task.directory}/${markerOf.failed(task.name)}`;
      const [reason, ranWith] = [await readReason(files, log), (await readRanWith(files, log)) ?? {}];
      return { task, state: 'failed', log, ranWith, ...(reason !== undefined && { reason }) };
    }),
  );
  const verify = await missingVerify(files, earlier, options);
  const mode = await lowerMode(files, earlier, options, failed.length > MOST_LOOKED_AT);
  return [...(verify ? [`${verify.message} (${verify.hint})`] : []), ...mode];
}

const rank = (mode: AgentMode) => AGENT_MODES.indexOf(mode);

async function lowerMode(
  files: Files,
  earlier: readonly Earlier[],
  options: RunOptions,
  isMore: boolean,
): Promise<readonly string[]> {
  const modes: { readonly before: AgentMode; readonly now: AgentMode }[] = [];
  for (const { task, ranWith } of earlier) {
    const before = ranWith.mode;
    if (before === undefined || before === options.mode) continue;
    const own = await readOwnSettings(files, task, options);
    const now = own.kind === 'allowed' ? own.settings.mode : before; // a refusal is told of by itself
    if (rank(before) > rank(now)) modes.push({ before, now });
  }
  const [first] = modes;
  if (!first) return [];
  const count = `${isMore ? 'at least ' : ''}${modes.length} ${modes.length === 1 ? 'task' : 'tasks'}`;
  const all = modes.every(({ before }) => before === first.before) ? first.before : 'more rights';
  return [`${count} ran with ${all} before; this run is ${first.now}`];
}

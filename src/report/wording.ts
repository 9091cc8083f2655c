/** Sentences that more than one reporter says. */
import type { Holder, InVain, ReapResult } from '../core/event.ts';
import { formatDuration } from '../core/duration.ts';
import type { ReturnReason, SkipReason, Usage } from '../core/outcome.ts';
import { describeProblem } from '../core/failure.ts';
import { headline, printable, shellPath, shellQuoted } from '../core/printable.ts';
import type { LeftOut, RanWith, Wait } from '../core/reports.ts';
import type { TaskState } from '../core/task.ts';
import { unreachable } from '../core/unreachable.ts';
import type { ProcessIdentity } from '../core/claim.ts';
import type { Pause } from '../core/pause.ts';

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `850`, `12.3k`, `4.56M`. */
export function formatTokens(n: number): string {
  if (n < 1_000) return String(n);
  return n < 999_950 ? `${(n / 1_000).toFixed(1)}k` : `${(n / 1_000_000).toFixed(2)}M`;
}

export function describeUsage({ input, cached, output }: Usage): string {
  const part = cached > 0 ? ` (${formatTokens(cached)} cached)` : '';
  return `tokens: ${formatTokens(input)} in${part}, ${formatTokens(output)} out`;
}

export function describeReturn(reason: ReturnReason): string {
  switch (reason.kind) {
    case 'interrupted':
      return 'interrupted';
    case 'claim-lost':
      return 'its claim was lost to someone else';
    case 'log-deleted':
      return 'its log was deleted while it ran; it is pending again';
    case 'limited':
      return reason.limit.message;
    case 'thread-lost':
      return 'the thread of its earlier attempt is lost; it begins a new one';
    case 'unverified':
      return `${reason.why}; whether it is done is not known`;
    case 'environment':
      return describeProblem(reason.problem).message;
    default:
      return unreachable(reason);
  }
}

const SKIPPED: Readonly<Record<SkipReason, string>> = {
  'already-claimed': 'another worker has it',
  'already-completed': 'it is completed already',
  'failed-elsewhere': 'it failed while this run was on',
  'task-changed': 'it changed while it was being claimed',
  'task-gone': 'it is gone',
  interrupted: 'the run was interrupted before it began',
};

export function describeSkip(reason: SkipReason): string {
  return SKIPPED[reason];
}

const IN_VAIN: Readonly<Record<InVain, string>> = {
  failed: 'which failed',
  refused: 'which was refused',
  'given-back': 'which was given back',
  held: 'which others have, and nobody here knows for how long',
};

/** As the end of "It waits for a.md, …". */
export function describeInVain(why: InVain): string {
  return IN_VAIN[why];
}

const AS_IT_STANDS: Readonly<Record<TaskState, string>> = {
  pending: '',
  'in-progress': ', which is in progress',
  failed: ', which failed',
  completed: '',
};

/** What a pending task waits for. */
export function describeWait({ first, count }: Wait): string {
  const others = count > 1 ? `, and for ${plural(count - 1, 'other')}` : '';
  return `waits for ${printable(first.label)}${AS_IT_STANDS[first.state]}${others}`;
}

/** A failed task that a retry leaves alone. */
export function describeLeftOut({ task, wait: { first, count }, command }: LeftOut): string {
  const others = count > 1 ? ` and ${count - 1} more` : '';
  const stands = AS_IT_STANDS[first.state] || ', which is pending';
  return `${printable(task.label)} waits for ${printable(first.label)}${stands}${others}: ${command} takes ${count > 1 ? 'all of them' : 'both'}`;
}

/**
 * The command that takes a failed task again as it was run, to be copied into a shell. The safest mode, which is the default,
 * is not said.
 */
export function retryCommand(label: string, { mode, verify }: RanWith = {}): string {
  return [
    `codex-worker retry ${shellPath(label)}`,
    ...(mode === undefined || mode === 'read-only' ? [] : [`--mode ${mode}`]),
    ...(verify === undefined ? [] : [`--verify ${shellQuoted(verify)}`]),
  ].join(' ');
}

export function describeProcess({ pid, host }: ProcessIdentity): string {
  return `pid ${pid} on ${printable(host.name)}`;
}

export function describeReap(result: ReapResult): string {
  switch (result.kind) {
    case 'given-back':
      return 'given back';
    case 'rolled-forward':
      return result.state === 'completed'
        ? 'its result was saved, it is completed'
        : 'it is failed (status --detailed says why)';
    case 'gone':
      return 'someone else was faster';
    case 'unkillable':
      return `its agent cannot be ended (${pids(result.pids)})`;
    case 'waiting':
      return `waiting for its agent to end (${pids(result.pids)})`;
    case 'blocked':
      return `not yet: ${headline(result.why)}`;
    default:
      return unreachable(result);
  }
}

/** Who holds a task and how sure we are that the owner lives. */
export function describeHolder(holder: Holder): string {
  switch (holder.kind) {
    case 'alive': {
      const silent =
        holder.silentForMs === undefined ? '' : `, silent for ${formatDuration(holder.silentForMs)}`;
      return describeProcess(holder.owner) + silent;
    }
    case 'dead':
      return `${describeProcess(holder.owner)}, which is dead: any run takes the task over`;
    case 'earlier-boot':
      return `${describeProcess(holder.owner)} before the last boot: any run takes the task over`;
    case 'elsewhere':
      return `${describeProcess(holder.owner)}, ${printable(holder.why)}`;
    case 'damaged':
      return `nobody knows, its lock file is damaged: ${printable(holder.why)}`;
    default:
      return unreachable(holder);
  }
}

/** As the end of "Paused …": until when on this machine's clock, and why; `now` is ms since 1970, as in a pause. */
export function describePause(pause: Pause, now: number): string {
  const { reason, until } = pause;
  const why = `${pause.class === 'by-hand' ? 'by hand' : 'for a limit'}${reason === '' ? '' : `: ${headline(reason)}`}`;
  if (until === undefined) return `until somebody resumes it, ${why}`;
  if (until <= now) return `until one task has tried whether it is over, ${why}`;
  return `until ${localTime(until, now)} (in ${formatDuration(until - now)}), ${why}`;
}

/** `09:25`, or with its date when that is not today's. */
export function localTime(at: number, now: number): string {
  const [day, clock = ''] = localMoment(at).split(' ');
  return localMoment(now).startsWith(`${day} `) ? clock : `${day} ${clock}`;
}

/** `2026-01-31 09:25`, by the clock of this machine. */
export function localMoment(at: number): string {
  const time = new Date(at);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

export function pids(list: readonly number[]): string {
  return `${list.length === 1 ? 'pid' : 'pids'} ${list.join(', ')}`;
}

const SECRET_KEY = /key|token|secret|passw|auth|header|credential/i;

/** `key=value` settings of Codex may carry secrets; their names are enough for a line that lands in a log. */
export function withoutSecrets(command: readonly string[]): readonly string[] {
  return command.map((argument) => {
    const key = /^([\w."'-]+)=/.exec(argument)?.[1];
    return key && SECRET_KEY.test(argument) ? `${key}=***` : argument; // a table has its keys in its value
  });
}

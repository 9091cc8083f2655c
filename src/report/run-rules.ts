/** What a run was told beyond which model does what: when an attempt ends, what is tried again, what "done" takes, what may be spent. */
import { formatDuration, parseDuration } from '../core/duration.ts';
import { DEFAULT_IDLE_TIMEOUT, type RunOptions } from '../core/options.ts';
import { headline } from '../core/printable.ts';
import { formatTokens, plural } from './wording.ts';

/** Of a command so much is shown. */
const LONGEST_COMMAND = 60;

/** One line, printable; empty where nothing was chosen that a run does not have by itself. */
export function describeRules(options: RunOptions): string {
  return [...ends(options), ...done(options), ...spends(options)].join(' · ');
}

function ends({ retries, timeoutMs, idleTimeoutMs, maxFailures }: RunOptions): string[] {
  const idle =
    idleTimeoutMs === undefined ? 'may be idle for ever' : `idle for at most ${span(idleTimeoutMs)}`;
  return [
    ...(retries > 0 ? [plural(retries, 'retry', 'retries')] : []),
    ...(timeoutMs === undefined ? [] : [`${span(timeoutMs)} for an attempt`]),
    ...(idleTimeoutMs === parseDuration(DEFAULT_IDLE_TIMEOUT) ? [] : [idle]),
    ...(maxFailures === undefined
      ? []
      : [`ends after ${'count' in maxFailures ? maxFailures.count : `${maxFailures.percent}%`} failed`]),
  ];
}

function done({ verify, expectChanges }: RunOptions): string[] {
  return [
    ...(verify ? [`verified by ${headline(verify.command, LONGEST_COMMAND)}`] : []),
    ...(expectChanges ? ['must change a file'] : []),
  ];
}

function spends({ budget: { tokens, attempts, tokensPerTask } }: RunOptions): string[] {
  return [
    ...(tokens === undefined ? [] : [`at most ${formatTokens(tokens)} tokens`]),
    ...(tokensPerTask === undefined ? [] : [`${formatTokens(tokensPerTask)} tokens a task`]),
    ...(attempts === undefined ? [] : [`at most ${plural(attempts, 'attempt')}`]),
  ];
}

/** `30m`, as it was typed, rather than `30m 00s`. */
const span = (ms: number) => formatDuration(ms).replace(/(?<=[mh]) 00?[sm]$|\.0(?=s$)/, '');

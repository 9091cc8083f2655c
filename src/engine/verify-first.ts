/**
 * `--verify-first`: the command of `--verify` once before anything else. Where it fails already, every task would be said
 * to have failed for it; where it is to fail until the tasks are done (`--verify-baseline-fails`), that it succeeds is news.
 */
import { newClaimId } from '../core/claim.ts';
import { EnvironmentError } from '../core/errors.ts';
import type { Verify } from '../core/options.ts';
import { headline, printableText } from '../core/printable.ts';
import { unreachable } from '../core/unreachable.ts';
import { Drain } from './drain.ts';
import { runVerify, TASK_VARIABLE, type Verified } from './verify.ts';
import type { World } from './world.ts';

const LINES_SHOWN = 10;

export interface BaselineRequest {
  readonly verify: Verify;
  readonly workingDirectory: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Throws EnvironmentError where the run must not begin. Resolves with an exit code when a signal came, and with nothing when
 * the run may go on; either way nothing of the command runs any more.
 */
export async function verifyFirst(
  world: World,
  { verify, workingDirectory, env }: BaselineRequest,
  onNotice: (message: string) => void,
): Promise<number | undefined> {
  const { command, timeoutMs, baselineFails } = verify;
  const name = headline(command, 80);
  onNotice(`running ${name} before anything else (--verify-first)`);
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  using drain = new Drain({ onDrain: interrupt, onAbort: interrupt });
  const { [TASK_VARIABLE]: _, ...without } = env; // there is no task yet
  const { end, output } = await runVerify(
    world,
    { command, timeoutMs, workingDirectory, env: without, claim: newClaimId() },
    { keep: () => {}, aborted: interruption.signal },
  );
  if (drain.exitCode !== undefined) {
    onNotice('interrupted before anything was begun');
    return drain.exitCode;
  }
  switch (end.kind) {
    case 'passed':
      if (baselineFails) onNotice(`${name} succeeds already: it will tell nothing about the tasks`);
      return undefined;
    case 'failed': {
      if (baselineFails) return undefined;
      const hint =
        'repair it, or say with --verify-baseline-fails that it is to fail before the tasks are done';
      throw refusal(`${name} fails already, with code ${end.code}; no task was begun`, hint, output);
    }
    case 'not-started':
      throw refusal(
        `could not run ${name} (--verify): ${headline(end.why)}`,
        `it is run by /bin/sh in ${workingDirectory}`,
        output,
      );
    case 'unfinished':
      throw refusal(
        `${headline(end.why)}; no task was begun`,
        'see why, or give it longer with --verify-timeout',
        output,
      );
    case 'unkillable':
      throw refusal(
        `${name} left processes that cannot be ended: ${end.pids.join(', ')}`,
        'look at them',
        output,
      );
    case 'aborted':
      return undefined; // only by a signal, which is looked at above
    default:
      return unreachable(end);
  }
}

function refusal(message: string, hint: string, output: Verified['output']): EnvironmentError {
  const lines = printableText(output).trimEnd().split('\n');
  return new EnvironmentError(message, hint, { excerpt: lines.slice(-LINES_SHOWN).join('\n') });
}

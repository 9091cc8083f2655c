/**
 * Codex says that it is done: is it? Between F1 and F2, while the claim is held and renewed, what the user asked for is
 * looked at: that a file was changed (`--expect-changes`), then that his own command succeeds (`--verify`).
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Check } from '../core/outcome.ts';
import { headline } from '../core/printable.ts';
import { unreachable } from '../core/unreachable.ts';
import { changesSince, MOST_ENTRIES, type Changes } from '../io/changed-files.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { rawName } from '../io/earlier-attempts.ts';
import { createPrivate } from '../io/file-system.ts';
import { closeQuietly, CREATE_APPEND } from '../io/files.ts';
import type { AttemptEnd, Running } from './conclude.ts';
import { workBegun } from './continuation.ts';
import type { AttemptOrder } from './order.ts';
import { lastWords, runVerify, TASK_VARIABLE, type Verified } from './verify.ts';

/** `lost` fires when the claim is. Resolves when nothing of what was started for it runs any more. */
export async function checkWork(
  running: Running,
  heard: CodexListener,
  lost: AbortSignal,
): Promise<AttemptEnd> {
  const { verify, expectChanges } = running.order;
  const checks: Check[] = [];
  if (expectChanges) {
    const changes = heard.hasChangedFiles ? 'some' : await lookForChanges(running);
    if (changes === 'none') return { kind: 'failed', failure: { kind: 'changed-nothing' } };
    if (changes === 'some') checks.push({ kind: 'changes' });
    else heard.warnings.push(`whether a file was changed is not known: there are more than ${MOST_ENTRIES}`);
  }
  if (!verify) return { kind: 'succeeded', checks };
  const { command } = verify;
  const { end, output } = await verifyTask(running, verify, lost);
  switch (end.kind) {
    case 'passed':
      return { kind: 'succeeded', checks: [...checks, { kind: 'verify', command }] };
    case 'failed':
      return {
        kind: 'failed',
        failure: { kind: 'verify-failed', command, code: end.code, said: lastWords(output) },
      };
    case 'not-started':
      return { kind: 'environment', problem: { kind: 'verify-not-started', command, why: end.why } };
    case 'unfinished':
      return { kind: 'unverified', why: end.why };
    case 'aborted':
      return { kind: lost.aborted ? 'claim-lost' : 'interrupted' };
    case 'unkillable':
      return end;
    default:
      return unreachable(end);
  }
}

async function lookForChanges(running: Running): Promise<Changes> {
  const { world, order, ports } = running;
  const codexHome = ports.env['CODEX_HOME'] || join(homedir(), '.codex'); // its records of the thread are no work
  return changesSince(world.files, order.settings.workingDirectory, workBegun(running), {
    except: [codexHome],
  });
}

/** Runs the command; its output is shown in the log as that of an agent's command, and kept for the next turn of the thread. */
async function verifyTask(
  { world, order, ports, history, log }: Running,
  { command, timeoutMs, workingDirectory }: NonNullable<AttemptOrder['verify']>,
  lost: AbortSignal,
): Promise<Verified> {
  const { files } = world;
  const { task, directory, claim } = order;
  log.entry({ kind: 'other', type: 'codex-worker', text: 'verify' });
  log.entry({ kind: 'command-started', command });
  ports.tell({ kind: 'activity', activity: { kind: 'command', text: `verify: ${headline(command, 110)}` } });
  const name = rawName(task.name, history.nextAttempt, claim, 'verify');
  const raw = await createPrivate(files, directory, 'raw', name, CREATE_APPEND);
  try {
    const verified = await runVerify(
      world,
      {
        command,
        timeoutMs,
        claim,
        workingDirectory,
        env: { ...ports.env, [TASK_VARIABLE]: join(task.directory, task.name) },
      },
      {
        keep: (chunk) => files.appendSync(raw, chunk),
        aborted: AbortSignal.any([ports.aborted, lost]),
      },
    );
    const { end, output } = verified;
    const exitCode = end.kind === 'passed' ? 0 : end.kind === 'failed' ? end.code : undefined;
    log.entry({ kind: 'command-ended', command, exitCode, status: end.kind, output });
    if (end.kind === 'failed')
      files.appendSync(raw, Buffer.from(`\n(exit ${end.code}: ${headline(command)})\n`));
    return verified;
  } finally {
    await closeQuietly(files, raw);
  }
}

/** Whether the limit of open files is enough for a run. */
import { EnvironmentError } from '../core/errors.ts';
import { MAX_CONCURRENCY } from '../core/options.ts';
import { openFileLimit } from '../io/process-identity.ts';

/** What an attempt keeps open (lock, log, raw events, pipes), and what Node and its threads need beside. */
const FILES_PER_ATTEMPT = 8;
const FILES_BESIDE = 100;

/**
 * Out of file descriptors a thread cannot even start, and Node may wait for ever for a module that it cannot open: so this
 * is asked before anything else is done. Throws EnvironmentError.
 */
export function checkOpenFiles(concurrency: number): void {
  const needed = FILES_BESIDE + FILES_PER_ATTEMPT * concurrency;
  const limit = openFileLimit();
  if (limit === undefined || limit >= needed) return;
  throw new EnvironmentError(
    `--concurrency ${concurrency} needs about ${needed} open files, and the limit is ${limit}`,
    'raise it (ulimit -n), or lower --concurrency',
  );
}

/** As many attempts at once as a run may have here. */
export function mostAtOnce(): number {
  const limit = openFileLimit() ?? Number.POSITIVE_INFINITY;
  const most = Math.floor((limit - FILES_BESIDE) / FILES_PER_ATTEMPT);
  return Math.max(1, Math.min(MAX_CONCURRENCY, most));
}

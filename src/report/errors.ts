/** What stopped a whole command, for people, and what it means for the exit code. */
import { EnvironmentError, errnoOf, isStorageError, UsageError } from '../core/errors.ts';
import { printable, printableText } from '../core/printable.ts';

const REPORT_BUGS_AT = 'https://github.com/yigitkonur/codex-worker/issues';

export function exitCodeOf(error: unknown): 2 | 3 | 70 {
  if (error instanceof UsageError || isComplaintOfCac(error)) return 2;
  return error instanceof EnvironmentError || isStorageError(error) ? 3 : 70;
}

/** One line that says what is wrong, what a program said about it, and one that says what to do; the stack only where a bug is looked for. */
export function errorText(error: unknown, verbose: boolean): string {
  const { message, hint } = explain(error);
  const lines = [`codex-worker: ${printable(message)}`];
  if (error instanceof EnvironmentError && error.excerpt)
    lines.push(printableText(error.excerpt).replaceAll(/^/gm, '  | '));
  if (hint !== undefined) lines.push(`  hint: ${printable(hint)}`);
  if (verbose && exitCodeOf(error) === 70 && error instanceof Error)
    lines.push(printableText(error.stack ?? ''));
  return `${lines.join('\n')}\n`;
}

function explain(error: unknown): { message: string; hint: string | undefined } {
  if (error instanceof UsageError || error instanceof EnvironmentError)
    return { message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  if (isComplaintOfCac(error)) return { message, hint: 'codex-worker --help shows what there is' };
  if (isStorageError(error)) return { message: `storage error: ${message}`, hint: HINTS[errnoOf(error)] };
  return {
    message: `this is a bug in codex-worker: ${message}`,
    hint: `please report it, with what --verbose shows, at ${REPORT_BUGS_AT}`,
  };
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'look at the permissions of that path',
  EPERM: 'look at the permissions of that path',
  EROFS: 'the file system is mounted read-only',
  ENOSPC: 'free some space on the disk',
  EDQUOT: 'your quota on that disk is used up',
  EMFILE: 'raise the limit of open files: ulimit -n',
};

function isComplaintOfCac(error: unknown): error is Error {
  return error instanceof Error && error.name === 'CACError';
}

/** Thrown errors are for bugs and for what stops a whole command; what can go wrong with one task is a `Failure`, a value. */

/** The user asked for something that cannot be: exit code 2. `hint` says what to do instead. */
export class UsageError extends Error {
  override name = 'UsageError';
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** The machine is not fit for the work (no Codex, a file system that breaks its rules, a full disk): exit code 3. */
export class EnvironmentError extends Error {
  override name = 'EnvironmentError';
  readonly hint: string | undefined;
  /** What a program said about it, several lines. */
  readonly excerpt: string | undefined;
  constructor(message: string, hint?: string, options?: ErrorOptions & { readonly excerpt?: string }) {
    super(message, options);
    this.hint = hint;
    this.excerpt = options?.excerpt;
  }
}

/** A promise broken inside our own code: exit code 70. */
export class InvariantError extends Error {
  override name = 'InvariantError';
}

/** Whether `error` is a system error with one of these codes, for example `isErrno(error, 'ENOENT')`. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Whether the kernel said it, whatever it said: there are more codes than anybody expects of a disk. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && /^E[A-Z0-9]+$/.test(String(error.code));
}

/** The code of a system error, or its message, for a sentence about it. */
export function errnoOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}

/** The disk, not the task: what a run stops for with exit code 3, and no task is failed for. */
export function isStorageError(error: unknown): error is NodeJS.ErrnoException {
  return (
    isErrno(error, 'EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EMFILE', 'ENFILE', 'ENOMEM') ||
    isErrno(error, 'EXDEV') || // somebody has mounted something on a folder of ours
    // What a network mount or FUSE says when its server is interrupted or gone, and a disk that was pulled out.
    isErrno(error, 'ESTALE', 'EINTR', 'ETIMEDOUT', 'ENOTCONN', 'EREMOTEIO', 'ENODEV', 'ENXIO')
  );
}

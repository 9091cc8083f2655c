/** A log that is read while it grows. Memory does not grow with it, and it stays the same file when its name changes. */
import { isErrno } from '../core/errors.ts';
import { closeQuietly, describeType, READ, type Files } from './files.ts';

const CHUNK = 65_536;

export type LogOpened =
  | { readonly kind: 'open'; readonly log: LogFile }
  | { readonly kind: 'absent' }
  /** It is there and is not to be read; `why` completes "it …". */
  | { readonly kind: 'odd'; readonly why: string };

/** Follows no link and waits for no pipe. Throws what a disk says that fails. */
export async function openLog(files: Files, path: string): Promise<LogOpened> {
  let fd: number;
  try {
    fd = await files.open(path, READ);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { kind: 'absent' };
    if (isErrno(error, 'ELOOP')) return { kind: 'odd', why: 'is a symbolic link' };
    if (isErrno(error, 'EACCES', 'EPERM')) return { kind: 'odd', why: 'may not be read' };
    if (isErrno(error, 'ENXIO')) return { kind: 'odd', why: 'is no regular file' };
    throw error;
  }
  const stat = await files.fstat(fd);
  if (stat.isFile()) return { kind: 'open', log: new LogFile(files, fd) };
  await closeQuietly(files, fd);
  return { kind: 'odd', why: `is ${describeType(stat)}` };
}

class LogFile {
  readonly #files: Files;
  readonly #fd: number;
  #offset = 0;

  constructor(files: Files, fd: number) {
    this.#files = files;
    this.#fd = fd;
  }

  /** What has come since it was read last, in pieces, up to its present end. */
  async *read(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK);
      const length = await this.#files.read(this.#fd, buffer, this.#offset);
      if (length === 0) return;
      this.#offset += length;
      yield buffer.subarray(0, length);
    }
  }

  /** Passes over all but the last `lines` lines of what is there now. */
  async skipTo(lines: number): Promise<void> {
    const size = Number((await this.#files.fstat(this.#fd)).size);
    if (lines === 0) this.#offset = size;
    let wanted = lines;
    for (let from = size; from > 0 && wanted > 0;) {
      const buffer = Buffer.alloc(Math.min(CHUNK, from));
      from -= buffer.length;
      const length = await this.#files.read(this.#fd, buffer, from);
      for (let at = length - 1; at >= 0 && wanted > 0; at--) {
        const isEndOfLine = buffer[at] === 0x0a && from + at < size - 1; // that of the last line begins no other
        if (isEndOfLine && --wanted === 0) this.#offset = from + at + 1;
      }
    }
  }

  close(): Promise<void> {
    return closeQuietly(this.#files, this.#fd);
  }
}

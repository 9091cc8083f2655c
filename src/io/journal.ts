/**
 * What every attempt in a directory has cost, in the order of their ends: `.codex-worker/journal.jsonl`, one line for each
 * attempt of every terminal. It decides about no task. Whoever loses it loses the figures, and the ceilings begin anew.
 *
 * A line is one write that begins and ends with a line end, so that one which a full disk or a kill has torn spoils
 * no other. An owner writes it while it still holds its claim; whoever reaps a dead owner writes it in its place, and may
 * not know that the owner had: so a claim is counted once, by its first line.
 *
 * Lines that have a `kind` are of pauses and of answers: whoever makes or lifts a pause writes it, and whose agent has asked. A reader of
 * attempts passes them over.
 *
 * It is data that an agent could have written: lines that are none, too long or out of bounds are passed over.
 */
import { EnvironmentError, isErrno, isStorageError } from '../core/errors.ts';
import type { AnswerNote, JournalEntry, JournalNote, PauseNote } from '../core/journal-entry.ts';
import { PRIVATE_DIRECTORY } from '../core/task.ts';
import { makePrivateDirectory, mustNotLeadAway } from './file-system.ts';
import { AMEND_END, closeQuietly, CREATE_APPEND, READ, type Files } from './files.ts';
import { lineIn, lineOf, MAX_LINE } from './journal-line.ts';
import type { TaskDirectory } from './task-directory.ts';

type Place = Pick<TaskDirectory, 'path'>;

const folderOf = (directory: Place) => `${directory.path}/${PRIVATE_DIRECTORY}`;
const pathOf = (directory: Place) => `${folderOf(directory)}/journal.jsonl`;

/** What a disk, or somebody who put something else there, may say to one who reads or writes it. */
const isInTheWay = (error: unknown) =>
  error instanceof EnvironmentError ||
  isStorageError(error) ||
  isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EEXIST');

/** Whether the line stands there; no attempt fails for one that does not. */
export async function appendToJournal(
  files: Files,
  directory: TaskDirectory,
  line: JournalEntry | JournalNote,
): Promise<boolean> {
  try {
    const fd = await openToAppend(files, directory);
    try {
      const stat = await files.fstat(fd);
      if (!stat.isFile() || stat.nlink !== 1n) return false; // a second name may be that of something precious
      files.appendSync(fd, Buffer.from(lineOf(line)));
      return true;
    } finally {
      await closeQuietly(files, fd);
    }
  } catch (error) {
    if (!isInTheWay(error)) throw error;
    return false;
  }
}

async function openToAppend(files: Files, directory: TaskDirectory): Promise<number> {
  for (let tries = 0; ; tries++) {
    try {
      await mustNotLeadAway(files, folderOf(directory));
      return await files.open(pathOf(directory), AMEND_END);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR') || tries > 2) throw error;
    }
    await makePrivateDirectory(files, directory);
    try {
      return await files.open(pathOf(directory), CREATE_APPEND);
    } catch (error) {
      if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error; // another terminal was faster, or removed the folder
    }
  }
}

const CHUNK = 262_144;
/** What is read of a journal at most, from its end: hundreds of thousands of attempts. */
const MAX_BYTES = 128 * 1_048_576;

/** Reads what has come since it read last. */
export class JournalReader {
  /** What has been read of pauses so far, the newest; of more than these somebody has made fun. */
  readonly pauses: PauseNote[] = [];
  readonly #files: Files;
  readonly #directory: Place;
  readonly #onAnswer: (note: AnswerNote) => void;
  /** Claims, and questions of claims. */
  readonly #known = new Set<string>();
  #file = '';
  #offset = 0;
  /** The beginning of a line whose end has not come. */
  #rest = '';
  /** In a line that is too long, or whose beginning was left out. */
  #isSkipping = false;

  /** `onAnswer` is told of each question once. */
  constructor(files: Files, directory: Place, onAnswer: (note: AnswerNote) => void = () => {}) {
    this.#files = files;
    this.#directory = directory;
    this.#onAnswer = onAnswer;
  }

  /** Entries of claims that it has not met before; none where there is no journal. */
  async read(): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    try {
      await mustNotLeadAway(this.#files, folderOf(this.#directory));
      const fd = await this.#files.open(pathOf(this.#directory), READ);
      try {
        await this.#readOn(fd, entries);
      } finally {
        await closeQuietly(this.#files, fd);
      }
    } catch (error) {
      if (!isInTheWay(error)) throw error;
    }
    return entries;
  }

  async #readOn(fd: number, entries: JournalEntry[]): Promise<void> {
    const stat = await this.#files.fstat(fd);
    if (!stat.isFile()) return;
    const size = Number(stat.size);
    const file = `${stat.ino} ${stat.birthtimeNs}`; // the number of a file that is gone is given to the next
    if (file !== this.#file || size < this.#offset) this.#goTo(0, false); // another file, or it was cut
    this.#file = file;
    if (size - this.#offset > MAX_BYTES) this.#goTo(size - MAX_BYTES, true);
    const buffer = Buffer.alloc(Math.min(CHUNK, size - this.#offset));
    while (this.#offset < size) {
      const read = await this.#files.read(fd, buffer, this.#offset);
      if (read === 0) return;
      this.#offset += read;
      this.#take(buffer.subarray(0, read), entries);
    }
  }

  #goTo(offset: number, isInside: boolean): void {
    this.#offset = offset;
    this.#rest = '';
    this.#isSkipping = isInside;
  }

  /** Our lines are ASCII: a character for each byte is the fastest, and others are read as something, which is checked. */
  #take(chunk: Buffer, entries: JournalEntry[]): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      const isWhole = !this.#isSkipping && line.length <= MAX_LINE;
      this.#isSkipping = false;
      const found = isWhole ? lineIn(line) : undefined;
      if (!found) continue;
      if (!('kind' in found)) {
        if (this.#isNew(found.claim)) entries.push(found);
      } else if (found.kind !== 'answer') this.#notePause(found);
      else if (this.#isNew(`${found.claim}.${found.n}`)) this.#onAnswer(found);
    }
    this.#isSkipping ||= rest.length > MAX_LINE;
    this.#rest = this.#isSkipping ? '' : rest;
  }

  #isNew(key: string): boolean {
    const isNew = !this.#known.has(key);
    this.#known.add(key);
    return isNew;
  }

  #notePause(note: PauseNote): void {
    this.pauses.push(note);
    if (this.pauses.length > MOST_PAUSES) this.pauses.shift();
  }
}

const MOST_PAUSES = 1_000;

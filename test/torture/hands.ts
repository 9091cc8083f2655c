/** What people do to a directory by hand, and to it with our commands, while terminals work through it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../../src/core/errors.ts';
import { unreachable } from '../../src/core/unreachable.ts';
import type { RunningCli } from '../rig/cli.ts';
import { violation, type Violation } from '../rig/violation.ts';
import { choose, pick } from './row.ts';
import type { Terminals } from './terminals.ts';
import { markerOf } from '../../src/core/task.ts';

/** What a task file can be replaced by. */
type Odd = 'empty' | 'link' | 'pipe' | 'directory' | 'unreadable';
export type Deed =
  | Odd
  | 'edit'
  | 'delete'
  | 'rename'
  | 'restore'
  | 'rm result'
  | 'rm mirror'
  | 'rm lock'
  | 'rm private'
  | 'kill -9';

const ARGUMENTS = {
  status: ['status'],
  'status --json': ['status', '--json'],
  clean: ['clean'],
  'clean --max-age': ['clean', '--max-age', '60'],
  'clean --kill': ['clean', '--yes', '--kill'],
  reset: ['reset', '--force'],
  'reset --failed': ['reset', '--failed', '--force'],
  'reset --kill': ['reset', '--kill', '--force'],
} as const;
export type Command = keyof typeof ARGUMENTS;
export const COMMANDS: readonly Command[] = [
  'status --json',
  'status --json',
  'clean --kill',
  'clean --kill',
  ...(Object.keys(ARGUMENTS) as Command[]),
];

const OUTSIDE = 'outside.md';
const OUTSIDE_TEXT = `${OUTSIDE} hold=0\n`;

export class Hands {
  /** Task files that are gone for good. */
  readonly absent = new Set<string>();
  /** Claims whose result was removed. */
  readonly removedClaims = new Set<string>();
  readonly statuses: [command: Command, run: RunningCli][] = [];
  readonly commands = new Set<RunningCli>();
  readonly #terminals: Terminals;
  readonly #odd = new Map<string, Odd>();
  readonly #tasks: string[] = [];
  #version = 0;

  private constructor(terminals: Terminals) {
    this.#terminals = terminals;
  }

  static async make(terminals: Terminals): Promise<Hands> {
    const hands = new Hands(terminals);
    await writeFile(hands.#outside, OUTSIDE_TEXT);
    return hands;
  }

  get #outside(): string {
    return path.join(this.#terminals.bench.scratch, OUTSIDE);
  }

  get runningCommands(): number {
    return [...this.commands].filter((run) => !run.hasEnded).length;
  }

  readonly #at = (name: string) => path.join(this.#terminals.bench.tasks, name);

  /** Writes a task file, the first time or again; no two texts are the same. */
  async writeTask(name: string): Promise<void> {
    const { round, codex } = this.#terminals;
    if (!this.#tasks.includes(name)) this.#tasks.push(name);
    this.absent.delete(name);
    const hold = choose(round.random, ['0', '0.3', '1', '2']);
    const more = round.random() < 0.3 ? ' grandchild' : '';
    await codex.task(name, `hold=${hold}${more} version=${++this.#version}`);
  }

  async command(command: Command): Promise<void> {
    const { round } = this.#terminals;
    const given: string[] = [...ARGUMENTS[command]];
    if (command === 'clean --kill') {
      const locked = (await this.#terminals.bench.ls()).filter((name) => name.startsWith('.lock-'));
      if (locked.length === 0) return;
      given.push(choose(round.random, locked).slice('.lock-'.length));
    }
    if (command === 'clean --max-age') await this.#makeOld();
    // It may be over, or be anybody's, when the command comes to it.
    const mayExit = command === 'clean --kill' ? [0, 1, 2] : [0, 1];
    const run = this.#terminals.start(given, {}, mayExit);
    this.commands.add(run);
    if (command.startsWith('status')) this.statuses.push([command, run]);
    round.injected(`codex-worker ${command}`);
  }

  /** A lock that looks as if nobody had renewed it for hours; its owner lives, so it is his all the same. */
  async #makeOld(): Promise<void> {
    const old = Date.now() / 1_000 - 7_200;
    for (const name of await this.#terminals.bench.ls())
      if (name.startsWith('.lock-')) await utimes(this.#at(name), old, old).catch(() => {}); // it may be over
  }

  /** A terminal that has finished something, so that it has left its marks in the private folder. */
  async #killWorker(): Promise<boolean> {
    const identities = (await this.#terminals.bench.ls('.codex-worker/tmp')).filter((name) =>
      name.startsWith('proc.'),
    );
    const workers = this.#terminals.living.filter(
      (run) => !this.commands.has(run) && identities.some((name) => name.includes(`.${run.pid}.`)),
    );
    if (workers.length === 0) return false;
    choose(this.#terminals.round.random, workers).kill('SIGKILL');
    return true;
  }

  async deed(deed: Deed): Promise<void> {
    const { round, bench } = this.#terminals;
    const names = await bench.ls();
    const name = choose(round.random, this.#tasks);
    const done = await this.#do(deed, name, names);
    // Terminals that were killed are counted at the end, however it came to it.
    if (done && deed !== 'kill -9') round.injected(deed.startsWith('rm') ? deed : `task file: ${deed}`);
  }

  /** Whether there was something to do it to. */
  async #do(deed: Deed, name: string, names: readonly string[]): Promise<boolean> {
    const { random } = this.#terminals.round;
    const isOrdinary = !this.absent.has(name) && !this.#odd.has(name);
    const one = (prefix: RegExp) => {
      const found = names.filter((entry) => prefix.test(entry));
      return found.length === 0 ? undefined : choose(random, found);
    };
    switch (deed) {
      case 'edit':
        if (isOrdinary) await this.writeTask(name);
        return isOrdinary;
      case 'delete':
        if (!isOrdinary) return false;
        rmSync(this.#at(name));
        this.absent.add(name);
        return true;
      case 'rename': {
        if (!isOrdinary) return false;
        const renamed = `renamed-${++this.#version}.md`;
        // In one go, so that no terminal that starts now reads the old name in it.
        renameSync(this.#at(name), this.#at(renamed));
        writeFileSync(this.#at(renamed), `${renamed} hold=0\n`);
        this.absent.add(name);
        await this.writeTask(renamed);
        return true;
      }
      case 'empty':
      case 'link':
      case 'pipe':
      case 'directory':
      case 'unreadable':
        if (!isOrdinary) return false;
        await this.#replace(name, deed);
        return true;
      case 'restore':
        return this.#restore(choose(random, [...this.#odd.keys(), ...this.absent, name]));
      case 'rm result': {
        const result = one(/^(?:done|failed)_exec_log-/);
        return result !== undefined && this.#removeResult(result);
      }
      case 'rm mirror':
        return this.#remove(one(/^in-progress-/));
      case 'rm lock':
        return this.#remove(one(/^\.lock-/));
      case 'kill -9':
        return this.#killWorker();
      case 'rm private':
        await rm(this.#at('.codex-worker'), { recursive: true, force: true, maxRetries: 3 }).catch(
          (error: unknown) => {
            if (!isErrno(error, 'ENOTEMPTY')) throw error; // the terminals were faster
          },
        );
        return true;
      default:
        return unreachable(deed);
    }
  }

  async #replace(name: string, odd: Odd): Promise<void> {
    const file = this.#at(name);
    if (odd === 'unreadable') await chmod(file, 0);
    else rmSync(file);
    if (odd === 'link') await symlink(this.#outside, file);
    else if (odd === 'directory') await mkdir(file);
    else if (odd === 'pipe') execFileSync('mkfifo', [file]);
    else if (odd === 'empty') await writeFile(file, '');
    this.#odd.set(name, odd);
  }

  async #restore(name: string): Promise<boolean> {
    if (!this.#odd.has(name) && !this.absent.has(name)) return false;
    await rm(this.#at(name), { recursive: true, force: true });
    this.#odd.delete(name);
    await this.writeTask(name);
    return true;
  }

  async #remove(name: string | undefined): Promise<boolean> {
    if (name === undefined) return false;
    await rm(this.#at(name), { force: true });
    return true;
  }

  #removeResult(name: string): boolean {
    try {
      const claim = /^claim: +([0-9a-f]{32})$/m.exec(readFileSync(this.#at(name), 'utf8'))?.[1];
      rmSync(this.#at(name));
      if (claim !== undefined) this.removedClaims.add(claim);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
  }

  /**
   * When nobody works any more: whatever a task file was replaced by must be as it was left. A run says so and does the
   * rest; then they are tasks again, but for some of those that were deleted.
   */
  async restoreAll(): Promise<Violation[]> {
    const { round } = this.#terminals;
    const found: Violation[] = [];
    const refused = [...this.#odd].filter(
      ([name, odd]) => odd !== 'directory' && !this.#isPassedOver(name, odd),
    ).length;
    if (refused > 0) {
      const { code, stdout, stderr } = await this.#terminals.start(['-c', '8']).ended();
      if (code !== 1)
        found.push(
          violation('lied', `${refused} task files are none, and it ended with ${code}:\n${stdout}${stderr}`),
        );
    }
    for (const [name, odd] of this.#odd) {
      const stat = await lstat(this.#at(name)).catch(() => undefined);
      const is = {
        empty: stat?.isFile() === true && stat.size === 0,
        link: stat?.isSymbolicLink() === true && (await readlink(this.#at(name))) === this.#outside,
        pipe: stat?.isFIFO() === true,
        directory: stat?.isDirectory() === true,
        unreadable: stat?.isFile() === true && (stat.mode & 0o777) === 0,
      };
      if (!is[odd])
        found.push(violation('lost', `${name} was replaced by: ${odd}, and is not that any more`));
    }
    for (const name of this.#odd.keys()) await this.#restore(name);
    for (const name of this.absent) if (pick(round.random, 2) === 0) await this.#restore(name);
    return found;
  }

  /** A task may have been completed while its file was replaced; then nobody looks into that file any more. */
  #isPassedOver(name: string, odd: Odd): boolean {
    return (odd === 'empty' || odd === 'unreadable') && existsSync(this.#at(markerOf.completed(name)));
  }

  /** The file outside is what it was, and nobody has run it. */
  async wrongOutside(): Promise<Violation[]> {
    const found: Violation[] = [];
    if ((await readFile(this.#outside, 'utf8')) !== OUTSIDE_TEXT)
      found.push(violation('lied', 'the file outside was changed'));
    for (const line of await this.#terminals.codex.history())
      if (line.includes(` ${OUTSIDE} `)) found.push(violation('lied', `a link was followed: ${line}`));
    return found;
  }
}

interface StatusDocument {
  readonly total: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly tasks: readonly { readonly state: string }[];
}

/** `status` only reads, so it always ends well; as JSON it adds up. */
export function wrongStatus(
  command: Command,
  {
    code,
    stdout,
    stderr,
  }: { readonly code: number | null; readonly stdout: string; readonly stderr: string },
): Violation[] {
  const wrong = (why: string) => [violation('lied', `${command}: ${why}:\n${stdout}${stderr}`)];
  if (code !== 0) return wrong(`it ended with ${code}`);
  if (command !== 'status --json') return [];
  let document: StatusDocument;
  try {
    document = JSON.parse(stdout) as StatusDocument;
  } catch {
    return wrong('it is no JSON');
  }
  const { total, counts, tasks } = document;
  const sum = Object.values(counts).reduce((all, n) => all + n, 0);
  if (sum !== total || tasks.length !== total)
    return wrong(`${total} tasks, ${sum} counted, ${tasks.length} listed`);
  for (const [state, n] of Object.entries(counts))
    if (tasks.filter((task) => task.state === state).length !== n) return wrong(`not ${n} are ${state}`);
  return [];
}

/**
 * The power fails, on a simulated disk: at every step of what codex-worker does, in several of the ways in which a disk
 * may then look; and again while the next run puts that right. What was said to be done must be there, byte for byte,
 * as soon as the machine is up again, and one run must put the rest right.
 */
import type { Files } from '../../../src/io/files.ts';
import type { Cut } from '../../rig/sim-disk.ts';
import { violation, type Violation, type ViolationKind } from '../../rig/violation.ts';
import {
  AT,
  DONE,
  EARLIER,
  FAILED,
  makeDisk,
  PROMPT,
  SCENES,
  TASK,
  Uptime,
  wholeRun,
  type DieAnywhere,
  type Disk,
  type Note,
  type Scene,
  type View,
} from '../power-scenes.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

/** After every step some of these: all is there, nothing is that need not be, and what chance makes of it. */
const CUTS: readonly Cut[] = [
  { order: 'journal', names: 1, data: 1 },
  { order: 'journal', names: 0, data: 0 },
  { order: 'journal', names: 0.5, data: 0.5 },
  { order: 'any', names: 0, data: 0 },
  { order: 'any', names: 0.5, data: 0.5 },
  { order: 'any', names: 0.8, data: 0.3 },
];
const CUTS_PER_STEP = 2;
/** Of so many power cuts one is followed by another while the next run puts it right. */
const SECOND_CUT_OF = 4;

type Sync = 'C4' | 'F2' | 'F3' | 'S5' | 'identity';

/** The syncs of the protocol that can be taken out, each by the file it is for. */
const CONTROLS: Readonly<Record<string, { readonly sync: Sync; readonly finds: ViolationKind }>> = {
  'the claim is not synced before it is linked (C4)': { sync: 'C4', finds: 'hung' },
  'the log is not synced (F2)': { sync: 'F2', finds: 'lost' },
  'the outcome is not synced (F3)': { sync: 'F3', finds: 'twice' },
  'the directory is not synced (S5)': { sync: 'S5', finds: 'lost' },
  'the identity file is not synced': { sync: 'identity', finds: 'hung' },
};

/** What processes see of the disk; it notes which outcomes are recorded, and forgets `without`. */
function viewWithout(without: Sync | undefined): View {
  return (disk) => {
    const paths = new Map<number, string>();
    const files: Files = {
      ...disk.files,
      open: async (path, flags) => {
        const fd = await disk.files.open(path, flags);
        paths.set(fd, path);
        return fd;
      },
      fsync: async (fd) => {
        const path = paths.get(fd) ?? '';
        const outcome = await outcomeIn(disk, fd);
        if (syncOf(path, outcome !== undefined) !== without) await disk.files.fsync(fd);
        if (outcome?.outcome === 'done' || outcome?.outcome === 'failed')
          disk.note({ kind: 'recorded', claim: outcome.claim, outcome: outcome.outcome });
      },
    };
    return files;
  };
}

function syncOf(path: string, hasOutcome: boolean): Sync | undefined {
  if (path === AT) return 'S5';
  if (path.includes('/.exec_log-')) return 'F2';
  if (path.includes('/tmp/new-')) return 'identity';
  if (path.includes('/.lock-') || /\/tmp\/[0-9a-f]{32}\./.test(path)) return hasOutcome ? 'F3' : 'C4';
  return undefined;
}

/** The outcome in an open lock file, read by its layout and not by the program's code. */
async function outcomeIn(disk: Disk, fd: number) {
  const stat = await disk.files.fstat(fd);
  if (!stat.isFile() || stat.size !== 4_096n) return undefined;
  const bytes = Buffer.alloc(4_096);
  await disk.files.read(fd, bytes, 0);
  const text = bytes.toString('latin1');
  const outcome = /^\{"outcome":"(\w+)"/.exec(text.slice(3_584))?.[1];
  const claim = /"claim":"(\w+)"/.exec(text)?.[1];
  return outcome === undefined || claim === undefined ? undefined : { outcome, claim };
}

/** What happened before, and the disk as it is now. */
interface Past {
  readonly disk: Disk;
  readonly notes: readonly Note[];
  readonly hadFailure: boolean;
  /** Whether each cut kept the order of names: then what was recorded is not done again. */
  readonly inOrder: boolean;
}

const logsOf = (disk: Disk) =>
  [
    `${AT}/${DONE}`,
    `${AT}/${FAILED}`,
    ...disk.names(`${AT}/.codex-worker/ended`).map((name) => `${AT}/.codex-worker/ended/${name}`),
  ].map((path) => disk.content(path));

/** Right after the power is back: what was said is there, byte for byte. */
function judgeSaid({ disk, notes, hadFailure }: Past): Violation[] {
  const found: Violation[] = [];
  const logs = logsOf(disk);
  for (const note of notes)
    if (note.kind === 'said' && !logs.some((log) => log?.equals(note.log)))
      found.push(violation('lost', `the log of ${note.claim}, which was said to be ${note.what}`));
  if (hadFailure && !logs.some((log) => log?.toString() === EARLIER))
    found.push(violation('lost', 'the log of the earlier failure'));
  if (disk.content(`${AT}/${TASK.name}`)?.toString() !== PROMPT)
    found.push(violation('lost', 'the task file was touched'));
  const last = notes.findLast(({ kind }) => kind !== 'recorded');
  if (last?.kind === 'said' && last.what !== 'put aside') {
    const name = last.what === 'completed' ? DONE : FAILED;
    if (!disk.content(`${AT}/${name}`)?.equals(last.log))
      found.push(violation('lost', `${name} of ${last.claim}`));
  }
  if (last?.kind === 'reset' && [DONE, FAILED].some((name) => disk.names(AT).includes(name)))
    found.push(violation('lied', 'the task was said to be reset, and has its result again'));
  return found;
}

/** After the next run: done exactly once, by one claim, and nothing else is left. */
function judgeRepaired({ disk, notes, inOrder }: Past): Violation[] {
  const found = notes.flatMap((note) => (note.kind === 'stuck' ? [violation('hung', note.why)] : []));
  if (found.length > 0) return found; // the rest follows from it
  let done: string | undefined;
  for (const note of notes) {
    if (note.kind === 'reset-begun') done = undefined;
    if (note.kind === 'said' && note.what === 'completed') done = note.claim;
    if (note.kind === 'recorded' && note.outcome === 'done' && inOrder) done = note.claim;
    if (note.kind === 'ran' && done !== undefined)
      found.push(violation('twice', `${note.claim} ran after ${done} was done`));
  }
  const log = disk.content(`${AT}/${DONE}`)?.toString() ?? '';
  const claims = [...log.matchAll(/^claim: +([0-9a-f]{32})$/gm)].map((match) => match[1]);
  const workers = [...log.matchAll(/^worked under (.*)$/gm)].map((match) => match[1]);
  if (log === '') found.push(violation('lost', 'the task has no result'));
  else if (claims.length !== 1 || workers.length !== 1 || claims[0] !== workers[0])
    found.push(violation('double', `the result is of ${claims.join()} and work of ${workers.join()}`));
  else if (!/\noutcome: +completed\nduration: .*\n$/.test(log))
    found.push(violation('lost', 'the result is not complete'));
  const names = disk.names(AT);
  // Where names survive in any order the claim and the older failure's move may be gone, and the result not: the task is
  // completed, and that failure stays beside it. No file system that we know does so.
  if (names.includes(FAILED) && inOrder)
    found.push(violation('double', `${FAILED} stands beside the result`));
  for (const name of disk.names(`${AT}/.codex-worker/ended`))
    if (name.endsWith('.duplicate.txt')) found.push(violation('double', `a second result: ended/${name}`));
  for (const name of names)
    if (/^(?:\.lock-|\.break-|\.exec_log-|in-progress-)/.test(name)) found.push(violation('left', name));
  for (const name of disk.names(`${AT}/.codex-worker/tmp`)) found.push(violation('left', `tmp/${name}`));
  return found;
}

class Experiment {
  readonly violations: Violation[] = [];
  cuts = 0;
  readonly #round: Round;
  readonly #view: View;
  #boot = 1;

  constructor(round: Round, view: View) {
    this.#round = round;
    this.#view = view;
  }

  /** Plays a scene to its end, then lets the power fail after each of its steps. */
  async cutEverywhere(scene: Scene): Promise<void> {
    const { random } = this.#round;
    const hadFailure = scene.earlierFailure !== undefined;
    const dieAnywhere: DieAnywhere = async (uptime, part) => {
      const from = uptime.disk.ops.length;
      await part(uptime);
      const steps = uptime.disk.ops.length - from;
      this.#round.injected('process killed');
      return new Uptime(uptime.disk.at(from + pick(random, steps + 1)), this.#view, 1, uptime.lastPid);
    };
    const start = new Uptime(await makeDisk(scene.earlierFailure), this.#view, 1);
    const { disk } = await scene.play(start, dieAnywhere);
    for (let step = 0; step <= disk.ops.length; step++)
      for (let i = 0; i < CUTS_PER_STEP; i++) {
        const cut = choose(random, CUTS);
        const about = `${scene.name}; the power failed after step ${step} of ${disk.ops.length}, ${describe(cut)}`;
        await this.#cut(disk, step, cut, { notes: [], hadFailure, inOrder: true }, about);
        if (this.violations.length > 0) return; // one of them says what is wrong, and a thousand say no more
      }
  }

  async #cut(disk: Disk, step: number, cut: Cut, past: Omit<Past, 'disk'>, about: string): Promise<void> {
    const { random } = this.#round;
    const notes = [...past.notes, ...disk.notes(step)];
    const inOrder = past.inOrder && cut.order === 'journal';
    const after = disk.crash(step, cut, random);
    this.cuts++;
    const report = (found: Violation[]) =>
      this.violations.push(...found.map(({ kind, what }) => violation(kind, `${what} (${about})`)));
    report(judgeSaid({ ...past, disk: after, notes, inOrder }));
    if (this.violations.length > 0) return;
    await wholeRun(new Uptime(after, this.#view, ++this.#boot));
    const repaired = { ...past, disk: after, notes: [...notes, ...after.notes()], inOrder };
    report([...judgeSaid(repaired), ...judgeRepaired(repaired)]);
    if (this.violations.length > 0 || pick(random, SECOND_CUT_OF) !== 0) return;
    const again = pick(random, after.ops.length + 1);
    const next = choose(random, CUTS);
    const more = `${about}, and again after step ${again} of what came then, ${describe(next)}`;
    await this.#cut(after, again, next, { ...past, notes, inOrder }, more);
  }
}

const describe = ({ order, names, data }: Cut) => `names ${order} ${names}, data ${data}`;

async function round(round: Round): Promise<Violation[]> {
  const experiment = new Experiment(round, viewWithout(CONTROLS[round.control ?? '']?.sync));
  for (const scene of SCENES) {
    await experiment.cutEverywhere(scene);
    if (experiment.violations.length > 0) break;
  }
  round.crashed('simulated', 'power cut', experiment.cuts);
  return experiment.violations;
}

export const powerSimulated: Row = {
  name: 'power-simulated',
  about: 'the power fails at every step, on a simulated disk that keeps only what was synced',
  isMadeUp: true,
  share: 1,
  controls: Object.fromEntries(Object.entries(CONTROLS).map(([name, { finds }]) => [name, finds])),
  round,
};

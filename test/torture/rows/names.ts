/**
 * File names of every kind: found or refused as the documentation says, run to their results, and never printed raw.
 * What must become of a name is said here by its bytes.
 */
import { writeFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { markerOf, Marks, parseMarker, stateOf } from '../../../src/core/task.ts';
import { settle } from '../../../src/engine/settle.ts';
import { discover } from '../../../src/io/discovery.ts';
import { realFiles } from '../../../src/io/files.ts';
import { leftovers, makeClaim, makeMachine } from '../../engine/machine.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { falseWitness, makeCliScene, missing } from '../cli-scene.ts';
import { randomNames, systematicNames, unique } from '../names.ts';
import { pick, type Round, type Row } from '../row.ts';

const RANDOM_A_ROUND = 800;
const CLAIMED_A_ROUND = 60;
const RUN_A_ROUND = 40;
const LONGEST = 212;
const RESERVED =
  /^(?:\.lock-|\.break-|\.exec_log-|in-progress-|needs-approval-|done_exec_log-|failed_exec_log-|\.codex-worker)/;

const isText = (name: Buffer) => Buffer.from(name.toString('utf8')).equals(name);

/** What a directory's `*.md` makes of a name; dot files are no match. */
function expected(name: Buffer): 'task' | 'refused' | 'no match' {
  const shown = name.toString('latin1');
  if (!shown.endsWith('.md') || shown.startsWith('.')) return 'no match';
  return isText(name) && name.length <= LONGEST && !RESERVED.test(shown) ? 'task' : 'refused';
}

const inside = (directory: string, name: Buffer) => Buffer.concat([Buffer.from(`${directory}/`), name]);
const shown = (name: Buffer) => JSON.stringify(name.toString('latin1'));

/** All in one directory: what is found, what is refused, what is passed over. */
async function discovered(round: Round, names: readonly Buffer[]): Promise<Violation[]> {
  const directory = path.join(round.scratch, 'all');
  mkdirSync(directory);
  for (const name of names) writeFileSync(inside(directory, name), 'Fix it.\n');
  const { tasks, refused } = await discover(realFiles, [directory], ['*.md'], round.scratch);
  const found: Violation[] = [];
  const taken = new Set(tasks.map(({ name }) => name));
  const wanted = names.filter((name) => expected(name) === 'task');
  for (const name of wanted)
    if (!taken.delete(name.toString())) found.push(violation('lost', `${shown(name)} is not found`));
  for (const name of taken) found.push(violation('lied', `${JSON.stringify(name)} is taken for a task`));
  // Two names that are no text may look the same, and are then refused as one.
  const refusals = new Set(
    names.filter((name) => expected(name) === 'refused').map((name) => name.toString()),
  );
  const labels = new Set(refused.map(({ label }) => label.slice('all/'.length)));
  for (const name of refusals)
    if (!labels.delete(name))
      found.push(violation('lost', `${JSON.stringify(name)} is passed over without a word`));
  for (const label of labels) found.push(violation('lied', `${JSON.stringify(label)} is refused`));
  if (refused.some(({ why }) => why === '')) found.push(violation('hung', 'refused without a reason'));
  round.injected('odd name in a directory', names.length);
  return found;
}

/** A name and its markers lead to one another, and to no other name. */
function roundTrips(round: Round, names: readonly Buffer[]): Violation[] {
  const claim = '0123456789abcdef'.repeat(2);
  const found: Violation[] = [];
  for (const name of names) {
    if (!isText(name) || name.length > LONGEST) continue;
    const task = name.toString();
    const markers = [
      [markerOf.lock(task), { kind: 'lock', task }],
      [markerOf.mirror(task), { kind: 'mirror', task }],
      [markerOf.question(task), { kind: 'question', task }],
      [markerOf.completed(task), { kind: 'completed', task }],
      [markerOf.failed(task), { kind: 'failed', task }],
      [markerOf.runningLog(task, claim), { kind: 'running-log', task, claim }],
    ] as const;
    for (const [marker, meaning] of markers) {
      if (JSON.stringify(parseMarker(marker)) !== JSON.stringify(meaning))
        found.push(
          violation('double', `${JSON.stringify(marker)} is read as ${JSON.stringify(parseMarker(marker))}`),
        );
      if (Buffer.byteLength(marker) > 255)
        found.push(violation('lost', `${JSON.stringify(marker)} is too long`));
      const states = { lock: 'in-progress', completed: 'completed', failed: 'failed' } as const;
      const state = meaning.kind in states ? states[meaning.kind as keyof typeof states] : 'pending';
      if (stateOf(task, Marks.of([marker, task])) !== state)
        found.push(violation('lied', `${JSON.stringify(task)} beside ${JSON.stringify(marker)}`));
      if (stateOf(`${task}x`, Marks.of([marker, task])) !== 'pending')
        found.push(violation('double', `${JSON.stringify(marker)} is a marker of another task too`));
    }
  }
  round.injected('odd name in its markers', names.length);
  return found;
}

/** From claim to result, by the protocol's own steps. */
async function claimed(round: Round, names: readonly Buffer[]): Promise<Violation[]> {
  const machine = makeMachine(round);
  const world = machine.boot();
  const found: Violation[] = [];
  for (const name of names) {
    const task = name.toString();
    writeFileSync(inside(machine.directory.path, name), 'Fix it.\n');
    const claim = await makeClaim(world, machine, { task, outcome: 'done' });
    const { directory } = machine;
    const result = await settle(world, { directory, task, claim: claim.id, role: 'owner' });
    await claim.close();
    if (result.kind !== 'settled' || !machine.ls().includes(`done_exec_log-${task}.txt`))
      found.push(violation('lost', `${shown(name)}: ${JSON.stringify(result)}`));
  }
  for (const name of leftovers(machine)) found.push(violation('left', JSON.stringify(name)));
  round.injected('odd name claimed', names.length);
  return found;
}

/** Controls but for the line feed, and what turns the direction of a line. */
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** The real CLI, given a directory or, as a shell does it, each file by its name. */
async function real(round: Round, names: readonly Buffer[]): Promise<Violation[]> {
  const { bench, codex, shell } = await makeCliScene(round);
  const byName = round.index % 2 === 1;
  const becomes = (name: Buffer) => {
    const word = expected(name);
    if (!byName || word !== 'no match') return word;
    if (name[0] === 0x2e) return 'no match'; // which `./*` does not match either
    return isText(name) && name.length <= LONGEST && !RESERVED.test(name.toString()) ? 'task' : 'refused';
  };
  let id = 0;
  for (const name of names) {
    if (becomes(name) === 'task') await codex.task(name.toString(), '', `task-${++id}`);
    else writeFileSync(inside(bench.tasks, name), 'not to be run\n');
  }
  const env = round.control === undefined ? {} : falseWitness({ RAW: '1' });
  const { code, stdout, stderr } = await shell(`codex-worker -c 6 ${byName ? './*' : ''}`, env);
  const said = stdout + stderr;
  const isRefusing = names.some((name) => becomes(name) === 'refused');
  // A user's own `in-progress-….md` is no mirror that was left.
  const own = new Set(names.map(String));
  const found = (await codex.violations()).filter(({ kind, what }) => kind !== 'left' || !own.has(what));
  if (code !== (isRefusing ? 1 : 0)) found.push(violation('lied', `exit code ${code}: ${said}`));
  const status = await shell(
    'codex-worker status --detailed; codex-worker reset --dry-run; codex-worker clean',
    env,
  );
  const texts = [said, status.stdout + status.stderr];
  for (const [i, spoken] of texts.entries()) {
    const raw = RAW.exec(spoken);
    if (raw)
      found.push(
        violation(
          'lied',
          `${JSON.stringify(raw[0])} is printed raw (${i}): ${JSON.stringify(spoken.slice(raw.index - 80, raw.index + 80))}`,
        ),
      );
  }
  if ((await bench.ls()).includes('pwned')) found.push(violation('lied', 'a name was run as a command'));
  round.injected('odd name run by the real CLI', names.length);
  return found;
}

export const names: Row = {
  name: 'names',
  about: 'file names of every byte, length and kind: found or refused, run, parsed back, never printed raw',
  share: 1,
  controls: { 'names are printed raw': 'lied' },
  unavailable: () => Promise.resolve(missing()),
  round: async (round) => {
    const { random } = round;
    const all = unique([...systematicNames(), ...randomNames(random, RANDOM_A_ROUND)]);
    const some = (n: number, from: readonly Buffer[]) =>
      unique(Array.from({ length: n }, () => from[pick(random, from.length)] ?? Buffer.from('x.md')));
    const sample = some(RUN_A_ROUND, all);
    if (round.control !== undefined) return real(round, sample);
    return [
      ...(await discovered(round, all)),
      ...roundTrips(round, all),
      ...(await claimed(
        round,
        some(
          CLAIMED_A_ROUND,
          all.filter((name) => expected(name) === 'task'),
        ),
      )),
      ...(await real(round, sample)),
    ];
  },
};

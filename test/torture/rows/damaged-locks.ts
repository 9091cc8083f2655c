/**
 * Lock files, break rights, identity files and temporary files that are damaged in every way: cut at each byte, each
 * bit turned, things of another type, lines that are sound and make no sense. A lock that cannot be read is held, with a
 * reason, and never claimed over; a heartbeat that cannot be read has changed; an outcome that cannot be read is none.
 *
 * What is in the lines stands below by hand: sizes and places as the protocol has them, sealed with a CRC of its own.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { reap } from '../../../src/engine/reaper.ts';
import { settle } from '../../../src/engine/settle.ts';
import { takeRight, writeIdentityFile } from '../../../src/io/break-right.ts';
import { realFiles, type Files } from '../../../src/io/files.ts';
import { done, failed } from '../../engine/machine.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { makeCliScene, missing } from '../cli-scene.ts';
import { judgeOddities, ODDITIES } from '../oddities.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { LOCK, makeWreck, restore, type Wreck } from '../wreck.ts';

const LOCK_BYTES = 4_096;
const LINE_2 = 3_072;
const LINE_3 = 3_584;
const BITS_A_ROUND = 4_096;
const CUTS_A_ROUND = 512;

/** CRC-32 as IEEE 802.3 has it, bit by bit. */
function crc32(bytes: Buffer): string {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return ((crc ^ 0xffff_ffff) >>> 0).toString(16).padStart(8, '0');
}

/** A line of a lock, sound in form. */
function line(json: string, length: number): Buffer {
  const text = Buffer.from(json);
  return Buffer.concat([
    text,
    Buffer.alloc(Math.max(0, length - 9 - text.length), ' '),
    Buffer.from(`${crc32(text)}\n`),
  ]);
}

/** A guard taken out: bytes are mended before they are judged, or links are followed. */
function withoutGuard(control: string | undefined): Partial<Files> {
  if (control === 'links are followed')
    return { open: (name, flags, mode) => realFiles.open(name, flags & ~0x20000, mode) };
  if (control !== 'the CRC is not looked at') return {};
  return {
    read: async (fd, buffer, position) => {
      const length = await realFiles.read(fd, buffer, position);
      for (const [from, size] of [
        [0, LINE_2],
        [LINE_2, 512],
        [LINE_3, 512],
      ] as const) {
        if (position !== 0 || length !== LOCK_BYTES) continue;
        const json = buffer
          .subarray(from, from + size - 9)
          .toString('latin1')
          .trimEnd();
        buffer.write(`${crc32(Buffer.from(json, 'latin1'))}\n`, from + size - 9, 'latin1');
      }
      return length;
    },
  };
}

const PLACES = { claim: 'line 1', beat: 'line 2', outcome: 'line 3' } as const;
const placeOf = (byte: number) =>
  byte < LINE_2 ? PLACES.claim : byte < LINE_3 ? PLACES.beat : PLACES.outcome;

/** Line 1 damaged: held. Line 2: read, and it has changed. Line 3: given back, not published. */
async function judgeBytes(
  { random }: Round,
  wreck: Wreck,
  bytes: Buffer,
  what: string,
  place: string,
): Promise<Violation[]> {
  const { machine, at, judge } = wreck;
  writeFileSync(at(LOCK), bytes);
  const verdict = await judge();
  if (place === PLACES.claim)
    return verdict.kind === 'damaged' && verdict.why !== ''
      ? []
      : [violation('lied', `${what}: read as ${JSON.stringify(verdict)}`)];
  if (verdict.kind !== 'dead' || verdict.record.claim !== wreck.claim)
    return [violation('hung', `${what}: ${JSON.stringify(verdict)}`)];
  if (place === PLACES.beat || bytes.length < LOCK_BYTES || random() > 0.125) return [];
  // One in eight is settled as well: it costs more than a look.
  const result = await reap(wreck.me, machine.directory, verdict, { orphans: 'end', mayLeave: () => true });
  const isGivenBack = result.kind === 'given-back' && !machine.has(done) && !machine.has(failed);
  restore(wreck);
  return isGivenBack
    ? []
    : [violation('double', `${what}: published without a sound outcome: ${JSON.stringify(result)}`)];
}

async function bitsAndCuts(round: Round): Promise<Violation[]> {
  const wreck = await makeWreck(round, withoutGuard(round.control));
  const found: Violation[] = [];
  const bits = LOCK_BYTES * 8;
  const from = (round.index * BITS_A_ROUND) % bits;
  for (let i = 0; i < BITS_A_ROUND; i++) {
    const bit = round.control === undefined ? (from + i) % bits : pick(round.random, bits);
    const bytes = Buffer.from(wreck.lock);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    found.push(...(await judgeBytes(round, wreck, bytes, `bit ${bit} turned`, placeOf(bit >> 3))));
    if (found.length > 3) return found;
  }
  round.injected('bit of a lock turned', BITS_A_ROUND);
  for (let i = 0; i < CUTS_A_ROUND; i++) {
    const cut = (round.index * CUTS_A_ROUND + i) % LOCK_BYTES;
    found.push(
      ...(await judgeBytes(round, wreck, wreck.lock.subarray(0, cut), `cut at ${cut}`, PLACES.claim)),
    );
    if (found.length > 3) return found;
  }
  round.injected('lock cut short', CUTS_A_ROUND);
  return found;
}

/** Line 1 with a sound CRC, and in it what this version cannot mean. */
function wrongLines({ lock }: Wreck): string[] {
  const json = lock
    .subarray(0, LINE_2 - 9)
    .toString()
    .trimEnd();
  const record = JSON.parse(json) as Record<string, unknown> & { host: object; owner: object };
  const having = (more: object) => JSON.stringify({ ...record, ...more });
  const pids = [0, -1, -811, 1.5, 2 ** 53, 1e300, '811', null, true, [], {}, undefined];
  const deep = `${'['.repeat(1_200)}${']'.repeat(1_200)}`;
  return [
    '',
    'null',
    'true',
    '[]',
    '{}',
    '"claim"',
    '12',
    deep,
    having({ v: 2 }),
    having({ v: '1' }),
    having({ v: undefined }),
    having({ kind: 'watch' }),
    having({ task: 'other.md' }),
    having({ task: '../fix.md' }),
    having({ task: null }),
    having({ claim: 'x'.repeat(32) }),
    having({ claim: `${String(record['claim']).slice(0, 31)}/` }),
    having({ claim: '../../../etc/passwd' }),
    having({ claim: 7 }),
    having({ attempt: -1 }),
    having({ attempt: 1e9 }),
    having({ attempt: '1' }),
    having({ host: null }),
    having({ host: { ...record.host, boot: 7 } }),
    having({ host: { ...record.host, uid: -1 } }),
    having({ host: { ...record.host, name: 'x'.repeat(600) } }),
    having({ at: 0 }),
    ...pids.map((pid) => having({ owner: { ...record.owner, pid } })),
    having({ owner: { ...record.owner, start: 7 } }),
    having({ owner: [] }),
    ...[...pids, 1].map((pid) => having({ child: { pid, pgid: pid, start: '1' } })),
    having({ child: { pid: 811, pgid: 1, start: '1' } }),
    having({ child: { pid: 811, pgid: -1, start: '1' } }),
    having({ child: null }),
  ];
}

async function senseless(round: Round): Promise<Violation[]> {
  const wreck = await makeWreck(round);
  const found: Violation[] = [];
  for (const json of wrongLines(wreck)) {
    const bytes = Buffer.concat([line(json, LINE_2), wreck.lock.subarray(LINE_2)]);
    found.push(...(await judgeBytes(round, wreck, bytes, `line 1 is ${json.slice(0, 300)}`, PLACES.claim)));
    round.injected('line of a lock that makes no sense');
  }
  const outcome = JSON.parse(wreck.lock.subarray(LINE_3, LOCK_BYTES - 9).toString()) as object;
  const outcomes = [
    '{}',
    'null',
    JSON.stringify({ ...outcome, outcome: 'completed' }),
    JSON.stringify({ ...outcome, outcome: ['done'] }),
    JSON.stringify({ ...outcome, bytes: -1 }),
    JSON.stringify({ ...outcome, bytes: wreck.log.length + 1 }),
    JSON.stringify({ ...outcome, bytes: String(wreck.log.length) }),
    JSON.stringify({ ...outcome, sha256: 'a'.repeat(64) }),
    JSON.stringify({ ...outcome, sha256: 7 }),
    JSON.stringify({ ...outcome, reason: {} }),
  ];
  for (const json of outcomes) {
    writeFileSync(wreck.at(LOCK), Buffer.concat([wreck.lock.subarray(0, LINE_3), line(json, 512)]));
    const verdict = await wreck.judge();
    if (verdict.kind !== 'dead')
      found.push(violation('hung', `${verdict.kind} for an outcome that is ${json}`));
    else {
      const result = await reap(wreck.me, wreck.machine.directory, verdict, {
        orphans: 'end',
        mayLeave: () => true,
      });
      if (result.kind !== 'given-back' || wreck.machine.has(done) || wreck.machine.has(failed))
        found.push(violation('double', `${JSON.stringify(result)} for an outcome that is ${json}`));
    }
    restore(wreck);
    round.injected('outcome that makes no sense');
  }
  return found;
}

/** A right is cut, or a bit of it turned: held, unless what is left of it is sound. */
async function damagedRights(round: Round): Promise<Violation[]> {
  const wreck = await makeWreck(round);
  const { machine, owner, claim, at, me } = wreck;
  await writeIdentityFile(realFiles, machine.directory, owner.me);
  await takeRight(realFiles, machine.directory, claim, 1, owner.me);
  const name = `.break-${claim}.1`;
  const sound = readFileSync(at(name));
  const found: Violation[] = [];
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(sound);
    const bit = pick(round.random, bytes.length * 8);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const isCut = i % 2 === 0;
    const damaged = isCut ? sound.subarray(0, bit >> 3) : bytes;
    rmSync(at(name));
    writeFileSync(at(name), damaged);
    const result = await settle(me, {
      directory: machine.directory,
      task: 'fix.md',
      claim,
      role: 'reaper',
      mayLeave: () => true,
    });
    if (result.kind !== 'blocked' || !machine.has(LOCK)) {
      found.push(
        violation('twice', `a right with bit ${bit} turned or cut there: ${JSON.stringify(result)}`),
      );
      break;
    }
  }
  round.injected('damaged right', 300);
  return found;
}

/** The real CLI meets a few of them: it runs the other task, says why it leaves this one, and repairs it on a person's word. */
async function real(round: Round): Promise<Violation[]> {
  const scene = await makeCliScene(round);
  const { bench, codex, start } = scene;
  await codex.task('a.md');
  await codex.task('b.md');
  const owner = start(['a.md']);
  await owner.ended();
  const lock = path.join(bench.tasks, '.lock-b.md');
  const oddity = choose(round.random, ODDITIES);
  const sound = path.join(bench.scratch, 'sound');
  writeFileSync(sound, Buffer.alloc(LOCK_BYTES, ' '));
  oddity.make(lock, sound);
  const found: Violation[] = [];
  const run = await start().ended();
  if (
    run.code !== 1 ||
    !/b\.md stays in progress: its lock file is damaged: it /.test(run.stdout + run.stderr)
  )
    found.push(violation('hung', `${oddity.what} as a lock: ${run.code}: ${run.stdout}${run.stderr}`));
  const status = await start(['status', '--json']).ended();
  if (status.code !== 0 || !status.stdout.includes('"damaged"'))
    found.push(violation('lied', `status with ${oddity.what} as a lock: ${status.stdout}${status.stderr}`));
  const clean = await start(['clean', '--force', 'b.md', '--yes']).ended();
  if (oddity.what.includes('directory')) {
    if (clean.code !== 1 || !clean.stdout.includes('move it away by hand'))
      found.push(
        violation('lied', `clean --force ${oddity.what}: ${clean.code}: ${clean.stdout}${clean.stderr}`),
      );
    rmSync(lock, { recursive: true });
  } else if (clean.code !== 0) {
    found.push(
      violation('hung', `clean --force ${oddity.what}: ${clean.code}: ${clean.stdout}${clean.stderr}`),
    );
  }
  round.injected('something else where a lock should be, with the real CLI');
  return [...found, ...(await scene.calm())];
}

export const damagedLocks: Row = {
  name: 'damaged-locks',
  about: 'locks, rights and private files cut at each byte, with each bit turned, of other types, senseless',
  share: 1,
  systematic: Math.ceil((LOCK_BYTES * 8) / BITS_A_ROUND),
  controls: { 'the CRC is not looked at': 'lied', 'links are followed': 'lied' },
  unavailable: () => Promise.resolve(missing()),
  round: async (round) => {
    if (round.control === 'the CRC is not looked at') return bitsAndCuts(round);
    if (round.control === 'links are followed')
      return judgeOddities(
        round,
        round.control === 'links are followed' ? withoutGuard(round.control) : undefined,
      );
    return [
      ...(await bitsAndCuts(round)),
      ...(await senseless(round)),
      ...(await judgeOddities(
        round,
        round.control === 'links are followed' ? withoutGuard(round.control) : undefined,
      )),
      ...(await damagedRights(round)),
      ...(await real(round)),
    ];
  },
};

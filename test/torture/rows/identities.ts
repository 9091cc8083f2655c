/**
 * Claims and break rights of processes that are not of this boot, this pid or time namespace, this user, this machine:
 * made up, every combination of them; and real ones, by a second CLI in namespaces of its own.
 *
 * Who may be judged how stands below as a table, written down by hand. What a look must say follows from it by counting
 * looks here; the program's own counting is not asked.
 */
import { readlinkSync } from 'node:fs';
import type { Host } from '../../../src/core/claim.ts';
import { judgeTask, reap } from '../../../src/engine/reaper.ts';
import { settle } from '../../../src/engine/settle.ts';
import { SilenceWatch } from '../../../src/engine/silence.ts';
import type { World } from '../../../src/engine/world.ts';
import { takeRight, writeIdentityFile } from '../../../src/io/break-right.ts';
import type { ProcessStat } from '../../../src/io/process-identity.ts';
import { done, failed, finish, HOST, leftovers, makeClaim, makeMachine } from '../../engine/machine.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { falseWitness, missing } from '../cli-scene.ts';
import { fromInside } from '../namespaces.ts';
import { choose, pick, type Round, type Row } from '../row.ts';

/** How a claim or right of such a process comes to be judged. */
type Judge = 'process table' | 'silence of 30 s' | 'takeover' | 'nobody';
type Same = 'same' | 'other';
interface Where {
  /** `unknown`: neither of the two machines shows its boot id. */
  readonly boot: Same | 'unknown';
  readonly namespace: Same;
  readonly machine: Same;
  readonly name: Same;
  /** `other, and I am root`: it belongs to another user, whom root can judge. */
  readonly user: Same | 'other, and I am root';
  readonly network: 'local' | 'network';
}

/** The first line that fits decides. */
const RULES: readonly (readonly [Partial<{ [K in keyof Where]: readonly Where[K][] }>, Judge])[] = [
  // One kernel, one pid namespace, a user whose processes I may look at: the process table knows.
  [{ boot: ['same'], namespace: ['same'], user: ['same', 'other, and I am root'] }, 'process table'],
  [{ boot: ['same'], namespace: ['same'] }, 'nobody'],
  // Without a boot id, one kernel is what has one machine id and one name.
  [
    {
      boot: ['unknown'],
      namespace: ['same'],
      machine: ['same'],
      name: ['same'],
      user: ['same', 'other, and I am root'],
    },
    'process table',
  ],
  [{ boot: ['unknown'], namespace: ['same'], machine: ['same'], name: ['same'] }, 'nobody'],
  // An earlier boot of this machine, on its own disk.
  [{ boot: ['other'], machine: ['same'], name: ['same'], network: ['local'] }, 'silence of 30 s'],
  // Everybody else: only if the user says so, and only for the user's own.
  [{ user: ['same'] }, 'takeover'],
  [{}, 'nobody'],
];

function judgeOf(where: Where): Judge {
  const fits = ([rule]: (typeof RULES)[number]) =>
    (Object.keys(rule) as (keyof Where)[]).every((key) =>
      (rule[key] as readonly string[] | undefined)?.includes(where[key]),
    );
  const found = RULES.find(fits);
  if (!found) throw new Error('the last rule fits everybody');
  return found[1];
}

/** What the process table says of a pid, and whether that is the death of its owner. */
const LIVES: readonly { stat: Partial<ProcessStat> | 'gone' | 'unknown'; isDead: boolean }[] = [
  { stat: 'gone', isDead: true },
  { stat: { state: 'Z' }, isDead: true },
  { stat: { state: 'X' }, isDead: true },
  { stat: { start: '1' }, isDead: true },
  { stat: 'unknown', isDead: false },
  ...['R', 'S', 'D', 'T', 't', 'I'].map((state) => ({ stat: { state }, isDead: false })),
];

const ALL: readonly Where[] = (['same', 'other', 'unknown'] as const).flatMap((boot) =>
  (['same', 'other'] as const).flatMap((namespace) =>
    (['same', 'other'] as const).flatMap((machine) =>
      (['same', 'other'] as const).flatMap((name) =>
        (['same', 'other', 'other, and I am root'] as const).flatMap((user) =>
          (['local', 'network'] as const).map((network) => ({
            boot,
            namespace,
            machine,
            name,
            user,
            network,
          })),
        ),
      ),
    ),
  ),
);

/** The two hosts: of the process that is judged, and mine. */
function hostsOf(where: Where): { theirs: Host; mine: Host } {
  const mine = {
    ...HOST,
    ...(where.boot === 'unknown' ? { boot: 'unknown' } : {}),
    ...(where.user === 'other, and I am root' ? { uid: 0 } : {}),
  };
  const theirs = {
    name: where.name === 'same' ? HOST.name : 'there',
    machine: where.machine === 'same' ? HOST.machine : 'machine-9',
    boot: where.boot === 'unknown' ? 'unknown' : where.boot === 'same' ? HOST.boot : 'boot-1',
    pidns: where.namespace === 'same' ? HOST.pidns : '4026539999',
    uid: where.user === 'same' ? HOST.uid : 1_001,
  };
  return { theirs, mine };
}

type Machine = ReturnType<typeof makeMachine>;

/** A process as somebody sees it who lives on a host of mine, and whose process table says this of its pid. */
function scene(round: Round, where: Where, life: (typeof LIVES)[number]) {
  const machine = makeMachine(round);
  const { theirs, mine } = hostsOf(where);
  const started = machine.boot({}, { name: 'made up' });
  const them: World = { ...started, me: { ...started.me, host: theirs } };
  const me = (): World => {
    const world = machine.boot();
    const { pid, start } = them.me;
    const stat = (which: number): ProcessStat | 'gone' | 'unknown' => {
      if (which !== pid) return machine.table.stat(which);
      if (typeof life.stat === 'string') return life.stat;
      return { pid, start, state: 'S', pgid: pid, ppid: 1, cpuMs: 0, kernel: false, ...life.stat };
    };
    return { ...world, me: { ...world.me, host: mine }, table: { ...machine.table, stat } };
  };
  return { machine, them, me, directory: { ...machine.directory, network: where.network === 'network' } };
}

const REAP = { orphans: 'end', mayLeave: () => false } as const;
const TAKEOVER_MS = 60_000;

/** Looks like the program's, but one that has slept between two looks goes on counting. */
class NeverSlept extends SilenceWatch {
  constructor(uptimeMs: () => number) {
    let last = uptimeMs();
    let counted = 0;
    super(() => {
      const now = uptimeMs();
      counted += Math.min(now - last, 15_000);
      last = now;
      return counted;
    });
  }
}

/** The judge who takes every pid for one of his own table. */
const blindToHosts = (world: World, theirs: Host): World => ({
  ...world,
  me: { ...world.me, host: { ...world.me.host, boot: theirs.boot, pidns: theirs.pidns, uid: theirs.uid } },
});

async function judgeOwner(round: Round, where: Where): Promise<Violation[]> {
  const { random, control } = round;
  const life = choose(random, LIVES);
  const takeover = random() < 0.5;
  const outcome = ([undefined, 'done', 'failed'] as const)[pick(random, 3)];
  const { machine, them, me, directory } = scene(round, where, life);
  const what = JSON.stringify({ where, life, takeover, outcome });
  const claim = await makeClaim(them, machine, outcome ? { outcome } : {});
  const judge = judgeOf(where);
  const needed =
    judge === 'silence of 30 s'
      ? 30_000
      : judge === 'takeover' && takeover
        ? Math.max(TAKEOVER_MS, where.network === 'network' ? 120_000 : 0)
        : Infinity;
  const world = control === 'hosts are not looked at' ? blindToHosts(me(), them.me.host) : me();
  const silence =
    control === 'a gap between looks is not noticed'
      ? new NeverSlept(world.uptimeMs)
      : new SilenceWatch(world.uptimeMs);
  const story = choose(random, ['silent', 'silent', 'beats', 'beats, then silent'] as const);
  let since = machine.now;
  let looks = 0;
  let counted = -Infinity;
  for (let i = 0; i < 45; i++) {
    const gap = i === 0 ? 0 : choose(random, i % 8 === 7 ? [100, 15_000, 16_000, 28_800_000] : [5_000]);
    machine.now += gap;
    const beats = story === 'beats' || (story === 'beats, then silent' && i < 5);
    if (beats && i > 0) await claim.lock.renew(`2026-01-02T03:04:${String(10 + i)}Z`);
    if (i === 0 || beats || gap > 15_000) [since, looks, counted] = [machine.now, 1, machine.now];
    else if (machine.now - counted >= 5_000) [looks, counted] = [looks + 1, machine.now];
    const verdict = await judgeTask(world, directory, 'fix.md', {
      silence,
      isInHand: () => false,
      ...(takeover ? { takeoverAfterMs: TAKEOVER_MS } : {}),
    });
    const isDead = judge === 'process table' ? life.isDead : looks >= 6 && machine.now - since >= needed;
    const mustBe =
      judge === 'process table' ? 'alive' : judge === 'silence of 30 s' ? 'undecided' : 'elsewhere';
    // With a takeover allowed, somebody who is silent already is undecided, and nobody minds which.
    const mayBe = isDead
      ? ['dead']
      : needed < Infinity
        ? ['undecided', ...(mustBe === 'elsewhere' ? [mustBe] : [])]
        : [mustBe];
    if (!mayBe.includes(verdict.kind))
      return [
        violation(
          verdict.kind === 'dead' ? 'twice' : 'lied',
          `look ${i}, ${machine.now - since} ms of silence: ${verdict.kind}, not ${mayBe.join(' or ')}: ${what}`,
        ),
      ];
    if (verdict.kind === 'elsewhere' && verdict.why === '')
      return [violation('hung', `held without a reason: ${what}`)];
    if (verdict.kind !== 'dead') {
      if (needed === Infinity && i >= 8) break; // nothing changes any more
      continue;
    }
    // Reaped for good; and an owner that comes back finds that out, and publishes nothing of its own.
    const result = await reap(world, directory, verdict, REAP);
    const state = outcome === undefined ? undefined : outcome === 'done' ? 'completed' : 'failed';
    const expected = state ? 'rolled-forward' : 'given-back';
    const found: Violation[] = [];
    if (result.kind !== expected || (result.kind === 'rolled-forward' && result.state !== state))
      found.push(violation('lied', `reaped as ${JSON.stringify(result)}: ${what}`));
    if ((await claim.lock.renew('2026-01-03T00:00:00Z')) !== 'lost')
      found.push(violation('twice', `the owner that came back still holds it: ${what}`));
    found.push(...(await comesBack(machine, them, claim.id, `after ${expected}: ${what}`)));
    if (machine.has(done) !== (state === 'completed') || machine.has(failed) !== (state === 'failed'))
      found.push(violation('double', `${machine.ls().join(' ')}: ${what}`));
    round.crashed('simulated', 'owner of some host, dead or silent');
    await claim.close();
    return [...found, ...left(machine, what)];
  }
  // It was never judged: nothing of it was touched, and it goes on.
  round.injected('owner of some host, not to be judged');
  if (outcome === undefined) await finish(claim, 'done');
  const settled = await settle(them, { directory, task: 'fix.md', claim: claim.id, role: 'owner' });
  await claim.close();
  return settled.kind === 'settled' && settled.published ? left(machine, what) : [violation('lost', what)];
}

async function comesBack(machine: Machine, them: World, claim: string, what: string): Promise<Violation[]> {
  const before = machine.ls().join();
  const { directory } = machine;
  const settled = await settle(them, { directory, task: 'fix.md', claim, role: 'owner' });
  return settled.kind === 'gone' && machine.ls().join() === before
    ? []
    : [violation('double', `the owner that came back settled it: ${what}`)];
}

const left = (machine: Machine, what: string) =>
  leftovers(machine).map((name) => violation('left', `${name}: ${what}`));

/** The claim's owner is certainly dead; the holder of its first right is somewhere. */
async function judgeHolder(round: Round, where: Where): Promise<Violation[]> {
  const { random } = round;
  const life = choose(random, LIVES);
  const vouched = random() < 0.3;
  const { machine, them, me, directory } = scene(round, where, life);
  const what = `holder of a right: ${JSON.stringify({ where, life, vouched })}`;
  const owner = machine.boot();
  const claim = await makeClaim(owner, machine, { outcome: 'done' });
  await claim.close();
  machine.kill(owner);
  await writeIdentityFile(them.files, directory, them.me);
  await takeRight(them.files, directory, claim.id, 1, them.me);
  const lock = machine.read('.lock-fix.md');
  const world = round.control === 'hosts are not looked at' ? blindToHosts(me(), them.me.host) : me();
  const from = machine.now;
  const result = await settle(world, {
    directory,
    task: 'fix.md',
    claim: claim.id,
    role: 'reaper',
    trustElsewhereIsDead: vouched,
    mayLeave: () => machine.now - from > 40_000,
  });
  const judge = judgeOf(where);
  const passes = judge === 'process table' ? life.isDead : judge === 'silence of 30 s' || vouched;
  const waited = machine.now - from;
  round.injected('right in the hand of a process of some host');
  if (!passes) {
    const isUntouched =
      machine.has('.lock-fix.md') &&
      machine.read('.lock-fix.md') === lock &&
      machine.has(`.break-${claim.id}.1`);
    return result.kind === 'blocked' && result.why.includes(String(them.me.pid)) && isUntouched
      ? []
      : [violation('twice', `${JSON.stringify(result)} after ${waited} ms: ${what}`)];
  }
  if (result.kind !== 'settled' || result.published !== 'completed')
    return [violation('hung', `${JSON.stringify(result)} after ${waited} ms: ${what}`)];
  if (judge === 'silence of 30 s' && waited < 30_000)
    return [violation('twice', `passed over after ${waited} ms: ${what}`)];
  return left(machine, what);
}

const RIGHTS_A_ROUND = 20;

export const identities: Row = {
  name: 'identities',
  about:
    'owners and right holders of other boots, hosts, containers, users; takeover; terminals in other namespaces',
  share: 1,
  controls: {
    'hosts are not looked at': 'twice',
    'a gap between looks is not noticed': 'twice',
    'the pid namespace is not looked at': 'twice',
    'the time namespace is not looked at': 'twice',
  },
  unavailable: () => Promise.resolve(missing('pid', 'time')),
  round: async (round) => {
    const { control } = round;
    if (control === 'the pid namespace is not looked at')
      return fromInside(
        round,
        'pid',
        falseWitness({ PIDNS: readlinkSync('/proc/self/ns/pid').replace(/\D/g, '') }),
      );
    if (control === 'the time namespace is not looked at')
      return fromInside(round, 'time', falseWitness({ TIMENS: '4026531834' }));
    const found: Violation[] = [];
    for (const where of ALL) found.push(...(await judgeOwner(round, where)));
    for (let i = 0; i < RIGHTS_A_ROUND; i++) {
      const where = ALL[(round.index * RIGHTS_A_ROUND + i * 7) % ALL.length] ?? choose(round.random, ALL);
      found.push(...(await judgeHolder(round, where)));
    }
    if (control !== undefined) return found;
    return [...found, ...(await fromInside(round, round.index % 2 === 0 ? 'pid' : 'time', {}))];
  },
};

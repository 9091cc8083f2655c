import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, openSync, closeSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { carries } from '../../src/io/sweep.ts';
import { test } from 'node:test';
import type { Host, ProcessIdentity } from '../../src/core/claim.ts';
import {
  identityToken,
  isRunning,
  isSameProcess,
  isTokenOfTheDead,
  judge,
  parseProcStat,
  parsePsEnvironments,
  parsePsLine,
  realProcesses,
  thisProcess,
  type Life,
  type ProcessStat,
  type ProcessTable,
} from '../../src/io/process-identity.ts';
import { eventually, scratch } from '../rig/scratch.ts';

const linux = { skip: process.platform === 'linux' ? false : 'reads /proc' };

/** `/proc/PID/stat` of a process with this command name. */
const procStat = (name: string, state = 'S', flags = 4_194_304) =>
  `811 (${name}) ${state} 1 811 811 0 -1 ${flags} 9 0 0 0 1 2 3 4 20 0 1 0 254778 1000 200 18446744073709551615 1 1 0\n`;

test('the start time is found behind any command name', () => {
  const names = [
    'codex',
    'tmux: server',
    'a) S 1 2 3',
    ')',
    '((()))',
    ') R 1 1 1 (',
    '',
    'new\nline',
    'x) Z 1 811 811 0',
  ];
  for (const name of names)
    assert.deepEqual(
      parseProcStat(811, procStat(name)),
      { pid: 811, start: '254778', state: 'S', pgid: 811, ppid: 1, cpuMs: 100, kernel: false },
      JSON.stringify(name),
    );
});

test('a kernel thread is one, and a text that is no status says nothing', () => {
  assert.equal(parseProcStat(2, procStat('kthreadd', 'S', 0x20_8040))?.kernel, true);
  for (const text of ['', '\n', '811', '811 (codex', '811 (codex)', '811 (codex) S 1 811 811 0'])
    assert.equal(parseProcStat(811, text), undefined, JSON.stringify(text));
});

test('a line of ps is read, whatever the width of its columns', () => {
  assert.deepEqual(parsePsLine('  811   800   829 Ss+   1:02.50 Sun Nov 22 09:05:01 2026    '), {
    pid: 811,
    ppid: 800,
    pgid: 829,
    state: 'Ss+',
    cpuMs: 62_500,
    start: 'Sun Nov 22 09:05:01 2026',
    kernel: false,
  });
  assert.equal(parsePsLine('    1     0     1 Z    0:00.00 Sun Nov  1 09:05:01 2026')?.state, 'Z');
  assert.equal(parsePsLine('7 1 7 S 1-02:03:04 Sun Nov  1 09:05:01 2026')?.cpuMs, 93_784_000);
  for (const line of [
    '',
    '  ',
    'PID PPID PGID STAT TIME STARTED',
    '811 1 829',
    '811 1 829 Ss',
    '811 1 829 Ss 0:01',
  ])
    assert.equal(parsePsLine(line), undefined, line);
});

const stat = (more: Partial<ProcessStat> = {}): ProcessStat => ({
  pid: 811,
  start: '254778',
  state: 'S',
  pgid: 811,
  ppid: 1,
  cpuMs: 0,
  kernel: false,
  ...more,
});

/** A process table in which every pid is this. */
function tableOf(found: ProcessStat | 'gone' | 'unknown'): ProcessTable {
  return {
    stat: () => found,
    list: () => [],
    pids: () => [],
    hasOpen: () => undefined,
    environment: () => undefined,
  };
}

const HOST: Host = { name: 'atlas', machine: 'm1', boot: 'b1', pidns: '4026531836', uid: 1_000 };
const ME: ProcessIdentity = { host: HOST, pid: 100, start: '5' };
const owner = (host: Partial<Host> = {}): ProcessIdentity => ({
  host: { ...HOST, ...host },
  pid: 811,
  start: '254778',
});

test('an owner on this machine is dead when its process certainly is, and alive in every other case', () => {
  const table: [ProcessStat | 'gone' | 'unknown', Life['kind']][] = [
    ['gone', 'dead'],
    [stat({ start: '254779' }), 'dead'],
    [stat({ state: 'Z' }), 'dead'],
    [stat({ state: 'X' }), 'dead'],
    ['unknown', 'alive'],
    ...['R', 'S', 'D', 'T', 't', 'I', 'Ss+', 'SNl'].map((state): [ProcessStat, 'alive'] => [
      stat({ state }),
      'alive',
    ]),
  ];
  for (const [found, kind] of table)
    for (const local of [true, false])
      assert.equal(judge(owner(), ME, tableOf(found), local).kind, kind, JSON.stringify(found));
});

test('an owner that this machine’s process table says nothing about is never dead', () => {
  const gone = tableOf('gone');
  const table: [Partial<Host>, boolean, Life][] = [
    [{ boot: 'b0' }, true, { kind: 'earlier-boot' }],
    [{ boot: 'b0', pidns: '9' }, true, { kind: 'earlier-boot' }],
    [{ boot: 'b0' }, false, { kind: 'elsewhere', why: 'it is in another container' }],
    [{ boot: 'b0', machine: 'm2' }, true, { kind: 'elsewhere', why: 'it is in another container' }],
    [{ boot: 'b0', name: 'hera' }, true, { kind: 'elsewhere', why: 'it is on hera' }],
    [{ boot: 'b0', machine: 'm2', name: 'hera' }, true, { kind: 'elsewhere', why: 'it is on hera' }],
    [{ pidns: '9' }, true, { kind: 'elsewhere', why: 'it is in another container' }],
    [{ pidns: '9', name: 'web-7f', machine: 'm2' }, true, { kind: 'elsewhere', why: 'it is on web-7f' }],
    [{ uid: 1_001 }, true, { kind: 'elsewhere', why: 'it belongs to another user' }],
    [{ uid: 0 }, true, { kind: 'elsewhere', why: 'it belongs to another user' }],
  ];
  for (const [host, local, life] of table)
    assert.deepEqual(judge(owner(host), ME, gone, local), life, JSON.stringify(host));
});

test('two boots of which nothing is known are one boot only on one machine', () => {
  const unknown = { boot: 'unknown' };
  const me = { ...ME, host: { ...HOST, ...unknown } };
  assert.equal(judge(owner(unknown), me, tableOf('gone'), true).kind, 'dead');
  assert.equal(judge(owner({ ...unknown, name: 'hera' }), me, tableOf('gone'), true).kind, 'elsewhere');
  assert.equal(judge(owner({ ...unknown, machine: 'm2' }), me, tableOf('gone'), true).kind, 'elsewhere');
});

test('root sees the processes of everybody', () => {
  const root: ProcessIdentity = { ...ME, host: { ...HOST, uid: 0 } };
  assert.equal(judge(owner(), root, tableOf('gone'), true).kind, 'dead');
  assert.equal(judge(owner(), root, tableOf(stat()), true).kind, 'alive');
});

test('a process is running only if it is that very process, and not a zombie', () => {
  const one = { pid: 811, start: '254778' };
  assert.equal(isRunning(one, tableOf(stat())), true);
  assert.equal(isRunning(one, tableOf(stat({ state: 'T' }))), true);
  assert.equal(isRunning(one, tableOf(stat({ state: 'Z' }))), false);
  assert.equal(isRunning(one, tableOf(stat({ start: '1' }))), false);
  assert.equal(isRunning(one, tableOf('gone')), false);
});

test('two identities are one process only with the same pid, start, boot and pid namespace', () => {
  assert.ok(isSameProcess(owner(), owner({ name: 'renamed' })));
  assert.ok(!isSameProcess(owner(), owner({ boot: 'b0' })));
  assert.ok(!isSameProcess(owner(), owner({ pidns: '9' })));
  assert.ok(!isSameProcess(owner(), { ...owner(), pid: 812 }));
  assert.ok(!isSameProcess(owner(), { ...owner(), start: '1' }));
  const unknown = { boot: 'unknown' };
  assert.ok(isSameProcess(owner(unknown), owner(unknown)));
  assert.ok(!isSameProcess(owner(unknown), owner({ ...unknown, name: 'hera' })));
  assert.ok(!isSameProcess(owner(unknown), owner({ ...unknown, machine: 'm2' })));
});

test('a token in a file name tells whether its process is dead, as far as this machine can know', () => {
  const token = identityToken(owner());
  assert.match(token, /^[0-9a-f]{8}\.[0-9a-f]{8}\.[0-9a-f]{8}\.811\.254778$/);
  const dead = (host: Partial<Host>, found: ProcessStat | 'gone' | 'unknown') =>
    isTokenOfTheDead(identityToken(owner(host)), ME, tableOf(found));
  assert.equal(dead({}, stat()), false);
  assert.equal(dead({}, 'unknown'), false);
  assert.equal(dead({}, 'gone'), true);
  assert.equal(dead({}, stat({ state: 'Z' })), true);
  assert.equal(dead({}, stat({ start: '1' })), true);
  assert.equal(dead({ boot: 'b0' }, stat()), true);
  assert.equal(dead({ machine: 'm2' }, 'gone'), false);
  assert.equal(dead({ machine: 'm2', boot: 'b0' }, 'gone'), false);
  assert.equal(dead({ pidns: '9' }, 'gone'), false);
});

test('a start time with blanks and colons, as macOS writes it, survives the way into a file name and back', () => {
  const start = 'Sun Nov 22 09:05:01 2026';
  const token = identityToken({ ...owner(), start });
  assert.match(token, /\.811\.Sun-Nov-22-09-05-01-2026$/);
  assert.equal(isTokenOfTheDead(token, ME, tableOf(stat({ start }))), false);
  assert.equal(isTokenOfTheDead(token, ME, tableOf(stat({ start: start.replace(':01', ':02') }))), true);
});

test('what is no token is of no dead process', () => {
  const mine = identityToken(ME).split('.').slice(0, 3).join('.');
  for (const token of [
    '',
    'x',
    '....',
    `${mine}.0.1`,
    `${mine}.-1.1`,
    `${mine}.x.1`,
    `${mine}.1`,
    `${mine}.1.1.1`,
    `${mine}.1e99.1`,
  ])
    assert.equal(isTokenOfTheDead(token, ME, tableOf('gone')), false, token);
});

test('this process sees itself, always as the same', linux, () => {
  const me = thisProcess();
  assert.equal(me, thisProcess());
  assert.equal(me.pid, process.pid);
  assert.equal(me.host.boot, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  assert.match(me.host.machine, /^[0-9a-f]{64}$/);
  assert.equal(judge(me, me, realProcesses, true).kind, 'alive');
  assert.equal(isTokenOfTheDead(identityToken(me), me, realProcesses), false);
  assert.ok(realProcesses.list().some(({ pid, start }) => pid === me.pid && start === me.start));
});

const hasTimeNamespaces = spawnSync('unshare', ['-T', '--boottime', '1', 'true']).status === 0;

test(
  'from another time namespace, where its start time looks different, a process that lives is not judged',
  { skip: hasTimeNamespaces ? false : 'needs unshare -T' },
  () => {
    const module = fileURLToPath(new URL('../../src/io/process-identity.ts', import.meta.url));
    const script = `
      const { judge, realProcesses, thisProcess } = await import(${JSON.stringify(module)});
      const owner = JSON.parse(process.env.OWNER);
      console.log(realProcesses.stat(owner.pid).start === owner.start, judge(owner, thisProcess(), realProcesses, true).kind);`;
    const inside = spawnSync(
      'unshare',
      [
        '-T',
        '--boottime',
        '100000',
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
      ],
      { encoding: 'utf8', env: { ...process.env, OWNER: JSON.stringify(thisProcess()) } },
    );
    assert.equal(inside.stdout, 'false elsewhere\n', inside.stderr);
  },
);

test('a process is alive while it is stopped, and dead as soon as it is a zombie', linux, async (t) => {
  // The child of the shell stays a zombie, because the shell is another program by the time it ends, which waits for nobody.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const zombie = Number(line.toString());
  const me = thisProcess();
  const found = await eventually('a zombie', () => {
    const seen = realProcesses.stat(zombie);
    return typeof seen === 'object' && seen.state === 'Z' && seen;
  });
  assert.doesNotThrow(() => process.kill(zombie, 0), 'kill(pid, 0) takes it for alive');
  assert.equal(judge({ ...me, pid: zombie, start: found.start }, me, realProcesses, true).kind, 'dead');

  const seen = realProcesses.stat(parent.pid ?? 0);
  assert.ok(typeof seen === 'object');
  const living = { ...me, pid: seen.pid, start: seen.start };
  parent.kill('SIGSTOP');
  await eventually('a stopped process', () => {
    const now = realProcesses.stat(seen.pid);
    return typeof now === 'object' && now.state === 'T';
  });
  assert.equal(judge(living, me, realProcesses, true).kind, 'alive');
  assert.equal(judge({ ...living, start: '1' }, me, realProcesses, true).kind, 'dead');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  assert.equal(judge(living, me, realProcesses, true).kind, 'dead');
});

test('a file that a process holds open is seen, and one that it does not is not', linux, (t) => {
  const path = `${scratch(t)}/file`;
  writeFileSync(path, '');
  const file = statSync(path, { bigint: true });
  assert.equal(realProcesses.hasOpen(process.pid, file), false);
  const fd = openSync(path, 'r');
  assert.equal(realProcesses.hasOpen(process.pid, file), true);
  closeSync(fd);
  assert.equal(realProcesses.hasOpen(2 ** 30, file), undefined);
  assert.equal(realProcesses.environment(2 ** 30), undefined);
  assert.equal(realProcesses.stat(2 ** 30), 'gone');
  assert.ok(realProcesses.environment(process.pid)?.includes('PATH='));
});

test('the environments that ps -E shows are found by their exact entries', () => {
  const found = parsePsEnvironments(
    '  811 codex exec - HOME=/h CODEX_WORKER_CLAIM=abc TERM=x\n    1 launchd\n\n',
  );
  assert.deepEqual([...found.keys()], [811, 1]);
  assert.ok(carries(found.get(811) ?? '', 'CODEX_WORKER_CLAIM=abc'));
  assert.ok(!carries(found.get(811) ?? '', 'CODEX_WORKER_CLAIM=ab'));
});

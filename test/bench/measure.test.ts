/** What the measuring program must not miss: processes whose parent is gone, which nobody else waits for. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findProgram, compilePrograms } from '../../scripts/bench/programs.ts';
import { scratch } from '../rig/scratch.ts';

const skip =
  process.platform !== 'linux'
    ? 'needs Linux'
    : findProgram('cc') === undefined
      ? 'there is no C compiler'
      : false;

/** Burns so much CPU time, by its own clock; its parent has ended long before. */
const BURNT_MS = 300;
const burner = `
  const until = process.cpuUsage().user + ${BURNT_MS * 1_000};
  while (process.cpuUsage().user < until);
  process._rawDebug('burnt');
`;

interface Measured {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
  readonly code: number;
}

function measure(t: TestContext, ...argv: string[]): { measured: Measured; stderr: string } {
  const directory = scratch(t);
  const { measure: program } = compilePrograms(directory);
  const result = join(directory, 'result');
  const { status, stderr } = spawnSync(program, [result, ...argv], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const [wall, cpu, peak, code] = readFileSync(result, 'utf8').split(' ').map(Number);
  return {
    measured: {
      wallMs: Number(wall) / 1e6,
      cpuMs: Number(cpu) / 1e6,
      peakMb: Number(peak) / 1e3,
      code: Number(code),
    },
    stderr,
  };
}

/** The shell ends at once, with 7; what it started has lost its parent before it does anything. */
const orphaning = (script: string) => ['sh', '-c', `"$0" "$1" & exit 7`, process.execPath, script];

test('CPU and time of a grandchild that lost its parent are counted', { skip }, (t) => {
  const script = join(scratch(t), 'burn.cjs');
  writeFileSync(script, burner);
  const { measured, stderr } = measure(t, ...orphaning(script));
  assert.match(stderr, /burnt/); // it was waited for to its end
  assert.equal(measured.code, 7);
  assert.ok(measured.cpuMs >= BURNT_MS, `${measured.cpuMs} ms of CPU`);
  assert.ok(measured.wallMs >= BURNT_MS * 0.9, `${measured.wallMs} ms`);
});

test('control: waiting for the command alone misses it', { skip }, (t) => {
  const directory = scratch(t);
  const script = join(directory, 'burn.cjs');
  const source = join(directory, 'plain.c');
  const program = join(directory, 'plain');
  writeFileSync(script, burner);
  const whole = readFileSync(new URL('../../scripts/bench/measure.c', import.meta.url), 'utf8');
  const plain = whole.replace('prctl(PR_SET_CHILD_SUBREAPER, 1)', '0');
  assert.notEqual(plain, whole);
  writeFileSync(source, plain);
  execFileSync('cc', ['-o', program, source]);
  const result = join(directory, 'result');
  spawnSync(program, [result, ...orphaning(script)], { encoding: 'utf8' });
  const cpuMs = Number(readFileSync(result, 'utf8').split(' ')[1]) / 1e6;
  assert.ok(cpuMs < BURNT_MS, `${cpuMs} ms of CPU`);
});

test('the largest resident set is that of the command', { skip }, (t) => {
  const script = 'const kept = Buffer.alloc(200e6, 1); kept.fill(2)';
  const { measured } = measure(t, process.execPath, '-e', script);
  assert.ok(measured.peakMb > 200, `${measured.peakMb} MB`);
});

test('a command that cannot be started is no measurement', { skip }, (t) => {
  const directory = scratch(t);
  const { measure: program } = compilePrograms(directory);
  const { status } = spawnSync(program, [join(directory, 'result'), join(directory, 'nothing')]);
  assert.equal(status, 125);
});

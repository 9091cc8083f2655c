import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

test('a reader that goes away, as head does, ends neither the command nor its good exit code', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'codex-worker-output-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  for (let i = 0; i < 300; i++) await writeFile(join(directory, `task-${i}.md`), 'Do it\n');
  // Some hundred lines in many writes: the first is read, then the pipe is closed on the others.
  const child = spawn(process.execPath, ['--import', TSX, CLI, '--mode', 'dry-run', '--json'], {
    cwd: directory,
    env: { PATH: process.env['PATH'], CODEX_CMD: '/bin/true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const complaint = text(child.stderr);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual({ code, complaint: await complaint }, { code: 0, complaint: '' });
});

test(
  'a disk that is full under the output is said, because the output is not whole',
  { skip: process.platform !== 'linux' && 'there is no /dev/full' },
  async () => {
    const { open } = await import('node:fs/promises');
    await using full = await open('/dev/full', 'w');
    const child = spawn(process.execPath, ['--import', TSX, CLI, 'status'], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', full.fd, 'pipe'],
    });
    assert.ok(child.stderr);
    const complaint = text(child.stderr);
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(await complaint, 'codex-worker: standard output is incomplete: ENOSPC\n');
    assert.equal(code, 3);
  },
);

for (const argument of ['--help', '--version'])
  test(
    `${argument} into a disk that is full is an error`,
    { skip: process.platform !== 'linux' && 'there is no /dev/full' },
    async () => {
      const { open } = await import('node:fs/promises');
      await using full = await open('/dev/full', 'w');
      const child = spawn(process.execPath, ['--import', TSX, CLI, argument], {
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', full.fd, 'pipe'],
      });
      assert.ok(child.stderr);
      const complaint = text(child.stderr);
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 3);
      assert.match(await complaint, /^codex-worker: standard output is incomplete: ENOSPC\n {2}hint: /);
    },
  );

test('a pipe gets no colours, in continuous integration neither', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'codex-worker-output-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'fix.md'), 'Do it\n');
  const child = spawn(process.execPath, ['--import', TSX, CLI, '--mode', 'dry-run'], {
    cwd: directory,
    env: { PATH: process.env['PATH'], CODEX_CMD: '/bin/true', CI: 'true', TERM: 'xterm' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = (await text(child.stdout)) + (await text(child.stderr));
  assert.match(output, /^fix\.md would be run/m);
  assert.ok(!output.includes('\u001b'), output);
});

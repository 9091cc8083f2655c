import assert from 'node:assert/strict';
import { chmod, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';

test('what is reset while a run still waits for Codex to say its version is run by it', async (t) => {
  const bench = await makeBench(t);
  const at = (name: string) => path.join(bench.scratch, name);
  const codex = at('codex');
  await writeFile(
    codex,
    `#!/bin/sh
if [ "$1" = --version ]; then
  touch ${at('asked')}
  while [ ! -e ${at('go')} ]; do sleep 0.05; done
  exec echo codex-cli 0.169.0
fi
cat >/dev/null
echo '{"type":"turn.completed"}'
`,
  );
  await chmod(codex, 0o700);
  for (const name of ['a', 'b', 'c']) await bench.write(`${name}.md`, 'Do it.\n');
  const env = { CODEX_CMD: codex };
  await writeFile(at('go'), '');
  assert.equal((await bench.run([], { env })).code, 0);
  await rm(at('go'));
  await rm(at('asked'));
  const late = bench.start([], { env });
  await bench.until('it asks for the version', async () =>
    (await bench.shell(`ls ${at('asked')}`)).stdout.includes('asked'),
  );
  assert.equal((await bench.run(['reset', '--force'])).code, 0);
  await writeFile(at('go'), '');
  const { code, stdout } = await late.ended();
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^Summary: 3 completed, 0 failed ·/m);
});

test('a run that is stopped counts what others have finished since it last looked', async (t) => {
  const bench = await makeBench(t);
  const agent = path.join(bench.scratch, 'agent');
  await writeFile(agent, '#!/bin/sh\ncase "$(cat)" in *long*) sleep 30 ;; esac\n');
  await chmod(agent, 0o700);
  await bench.write('1.md', 'long\n');
  for (const name of ['2', '3', '4', '5']) await bench.write(`${name}.md`, 'short\n');
  const env = { CODEX_CMD: agent };
  const first = bench.start([], { env });
  await bench.until('it works', async () => (await bench.ls()).includes('in-progress-1.md'));
  const second = bench.start(['2.md', '3.md', '4.md', '5.md'], { env });
  assert.equal((await second.ended()).code, 0);
  first.kill('SIGINT');
  await first.says(/Shutting down/);
  first.kill('SIGINT');
  const { stdout } = await first.ended();
  assert.match(stdout, /^Summary: 0 completed, 0 failed, 4 finished elsewhere, 1 pending · 1 given back/m);
});

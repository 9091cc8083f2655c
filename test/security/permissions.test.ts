/** What we make is nobody else's to read or write, whatever the umask. */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

test('every file that we make is 0600 and every directory 0700, with a umask of 0, during a run and after it', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t);
  await bench.write('fix.md', 'Fix it.\n');
  await bench.write('bad.md', 'Fail.\n');
  const seen = new Set<string>();
  const look = () => {
    for (const entry of readdirSync(bench.tasks, { recursive: true, encoding: 'utf8' })) {
      if (entry.endsWith('.md') && !entry.includes('-')) continue; // the tasks, which are the user's
      const stat = lstatSync(path.join(bench.tasks, entry));
      assert.equal((stat.mode & 0o777).toString(8), stat.isDirectory() ? '700' : '600', entry);
      seen.add(entry.replace(/[0-9a-f]{16,}.*/, '').replace(/proc\..*/, 'proc.'));
    }
  };
  const run = bench.shell('umask 0; codex-worker -r 1 -o results.json', { env: puppets.env });
  for (let n = 0; n < 3; n++) {
    const call = await puppets.nextCall();
    look();
    if (call.prompt.startsWith('Fail')) call.exit(1);
    else await call.complete();
  }
  const { code, stdout, stderr } = await run;
  assert.equal(code, 1, stdout + stderr);
  look();
  assert.deepEqual([...seen].sort(), [
    '.codex-worker',
    '.codex-worker/.gitignore',
    '.codex-worker/ended',
    '.codex-worker/ended/',
    '.codex-worker/journal.jsonl',
    '.codex-worker/raw',
    '.codex-worker/raw/',
    '.codex-worker/tmp',
    '.codex-worker/tmp/proc.',
    '.exec_log-bad.md.',
    '.exec_log-fix.md.',
    '.lock-bad.md',
    '.lock-fix.md',
    'done_exec_log-fix.md.txt',
    'failed_exec_log-bad.md.txt',
    'in-progress-bad.md',
    'in-progress-fix.md',
    'results.json',
  ]);
});

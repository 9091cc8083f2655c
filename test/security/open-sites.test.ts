/** Every place in the sources that opens, makes or moves a file, and what an attacker could have put at its name. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newClaimId } from '../../src/core/claim.ts';
import {
  amend,
  AMEND,
  AMEND_END,
  CREATE,
  CREATE_APPEND,
  READ,
  readSmall,
  realFiles,
} from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';
import {
  forgedOutcome,
  forgedRecord,
  forgeLock,
  forgeTwoDeaths,
  hardLink,
  hashOf,
  makeCanary,
  makeScripted,
  PRECIOUS,
} from './rig.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What opens a file by its name, or changes what a name leads to. */
const SITE =
  /(?<![\w.])(?:open|openSync|readFile|readFileSync|writeFile|writeFileSync|appendFile|appendFileSync|createReadStream|createWriteStream|copyFile|cp|truncate|chmod|chown|rm|rmdir|mkdir|rename|link|symlink|unlink)\(|\b(?:fse|files|fs)\.(?:open|rename|link|unlink|mkdir|writeFile|readFile|outputFile|copy|move|remove|ensure\w+)\(/g;

/**
 * By file, in their order, and why no link, pipe or directory at that name can do harm:
 *   exclusive  O_EXCL and O_NOFOLLOW: what is there makes it fail
 *   looked at  O_NOFOLLOW and O_NONBLOCK, and only a regular file is read or, if it is ours, written
 *   a name     no file is opened: the name itself is moved, made or removed, wherever it leads
 *   kernel     below /proc, or of the machine, where nobody but root can put anything
 *   user       a file of the user's own, outside of every task directory
 */
const SITES: Readonly<Record<string, readonly string[]>> = {
  'src/commands/doctor.ts': ['readFile( user'],
  'src/engine/attempt.ts': ['files.link( a name'],
  'src/engine/pool.ts': ['open( no file'],
  'src/engine/settle.ts': ['files.open( looked at'],
  'src/engine/verify.ts': ['files.open( kernel'],
  'src/io/answer-file.ts': ['files.open( exclusive', 'files.link( a name', 'files.open( exclusive'],
  'src/io/break-right.ts': ['files.link( a name', 'files.open( exclusive'],
  'src/io/ceiling-note.ts': ['files.rename( a name'],
  'src/io/earlier-attempts.ts': ['files.rename( a name'],
  'src/io/file-system.ts': [
    'files.open( exclusive', // .gitignore
    'rmdir( a name',
    'files.open( exclusive', // createPrivate
    'files.open( exclusive', // the self-test, to the end
    'files.open( exclusive',
    'files.link( a name',
    'files.link( a name',
    'files.unlink( a name',
    'files.rename( a name',
    'files.rename( a name',
    'files.unlink( a name',
  ],
  'src/io/files.ts': [
    'open( the verb itself',
    'link( the verb itself',
    'rename( the verb itself',
    'unlink( the verb itself',
    'mkdir( the verb itself',
    'fse.open( the verb itself',
    'fse.link( the verb itself',
    'fse.rename( the verb itself',
    'fse.unlink( the verb itself',
    'fse.mkdir( the verb itself',
    'files.unlink( a name',
    'files.rename( a name',
    'files.mkdir( a name',
    'files.open( looked at', // a directory, for its fsync
    'files.open( looked at', // readSmall
    'files.open( looked at', // readEnd
    'files.open( looked at', // amend
  ],
  'src/io/journal.ts': ['files.open( looked at', 'files.open( exclusive', 'files.open( looked at'],
  'src/io/lock-file.ts': ['files.link( a name', 'files.open( exclusive'],
  'src/io/log-file.ts': ['files.open( looked at'],
  'src/io/pause-file.ts': ['files.rename( a name', 'files.link( a name', 'files.rename( a name'],
  'src/io/probe-file.ts': ['files.link( a name'],
  'src/io/process-identity.ts': [
    'readFileSync( kernel',
    'readFileSync( kernel',
    'readFileSync( kernel',
    'readFileSync( kernel',
  ],
  'src/io/question-file.ts': [
    'files.rename( a name',
    'files.rename( a name',
    'files.link( a name',
    'files.rename( a name',
  ],
  'src/io/rate-limits-file.ts': ['files.rename( a name'],
  'src/io/result-log.ts': ['files.open( exclusive'],
  'src/io/rollout.ts': ['files.open( looked at'],
  'src/io/task-matter.ts': ['openSync( looked at'],
  'src/io/what-it-does.ts': ['readFileSync( kernel'],
  'src/report/foreground.ts': ['readFileSync( kernel'],
  'src/report/output-file.ts': ['writeFile( exclusive', 'rename( a name', 'rm( a name'],
};

function sitesIn(text: string): string[] {
  const code = text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/\/\/.*$/gm, '')
    .replaceAll('this.#files.', 'files.')
    .replaceAll('world.files.', 'files.');
  return [...code.matchAll(SITE)].map(([site]) => site).filter((site) => site !== '');
}

test('every place that opens or moves a file is known, and says why nothing can be put in its way', () => {
  const found = new Map<string, string[]>();
  for (const folder of ['src', 'workers'])
    for (const entry of readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      const file = `${folder}/${entry}`;
      const sites = file.endsWith('.ts') ? sitesIn(readFileSync(path.join(ROOT, file), 'utf8')) : [];
      if (sites.length > 0) found.set(file, sites);
    }
  const known = Object.entries(SITES).map(
    ([file, sites]) => [file, sites.map((site) => site.replace(/\(.*/, '('))] as const,
  );
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(known));
});

test('the list of places notices one that is new', () => {
  for (const line of [
    'await writeFile(path, text)',
    'fs.writeFile(path)',
    'await files.open(path, READ)',
    'const fd = openSync(path)',
    'fse.outputFile(path)',
    'await this.#files.unlink(x)',
  ])
    assert.equal(sitesIn(line).length, 1, line);
});

test('what we create is created exclusively, and what we open follows no link and waits for no pipe', async (t) => {
  for (const flags of [CREATE, CREATE_APPEND]) assert.equal(flags & constants.O_EXCL, constants.O_EXCL);
  for (const flags of [CREATE, CREATE_APPEND, READ, AMEND, AMEND_END])
    assert.equal(flags & constants.O_NOFOLLOW, constants.O_NOFOLLOW);
  for (const flags of [READ, AMEND, AMEND_END])
    assert.equal(flags & constants.O_NONBLOCK, constants.O_NONBLOCK);

  const root = scratch(t);
  const at = (name: string) => path.join(root, name);
  writeFileSync(at('precious'), PRECIOUS);
  symlinkSync('precious', at('link'));
  symlinkSync('nothing', at('dangling'));
  hardLink(at('precious'), at('hard'));
  mkdirSync(at('directory'));
  execFileSync('mkfifo', [at('pipe')]);
  for (const name of ['link', 'dangling', 'hard', 'directory', 'pipe']) {
    for (const flags of [CREATE, CREATE_APPEND])
      await assert.rejects(realFiles.open(at(name), flags), { code: 'EEXIST' }, name);
    if (name !== 'hard') assert.equal((await readSmall(realFiles, at(name), 10)).kind, 'odd', name);
    const isOurs = (bytes: Buffer) => bytes.toString() === 'ours';
    const write = () => assert.fail(`${name} was written`);
    for (const flags of [AMEND, AMEND_END])
      assert.equal(await amend(realFiles, at(name), flags, 10, isOurs, write), false, name);
  }
  assert.equal(readFileSync(at('precious'), 'utf8'), PRECIOUS);
});

test('directories, pipes and hard links at every name that can be foreseen do not stop a run and are not written', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  const canary = makeCanary(bench);
  const at = (name: string) => path.join(bench.tasks, name);
  const names: string[] = [];
  const claims = new Map<string, string>();
  for (const kind of ['directory', 'full', 'pipe', 'hard']) {
    const task = `${kind}.md`;
    const claim = newClaimId();
    claims.set(kind, claim);
    await bench.write(task, 'Fix it.\n');
    for (const name of [
      `in-progress-${task}`,
      `.break-${newClaimId()}.1`,
      `.exec_log-${task}.${claim}`,
      `.codex-worker/ended/${hashOf(task)}.0.${claim}.lost.txt`,
      `.codex-worker/ended/${hashOf(task)}.7.${claim}.died.txt`,
      `.codex-worker/raw/${hashOf(task)}.1.${claim}.jsonl`,
      `.codex-worker/tmp/proc.00000000.00000000.00000000.4194305.1-${kind}`,
    ]) {
      mkdirSync(path.dirname(at(name)), { recursive: true });
      if (kind === 'pipe') execFileSync('mkfifo', [at(name)]);
      else if (kind === 'hard') hardLink(canary.file, at(name));
      else mkdirSync(at(name));
      if (kind === 'full') writeFileSync(path.join(at(name), 'file'), '');
      names.push(name);
    }
  }
  mkdirSync(path.join(bench.tasks, '.codex-worker', '.gitignore'));
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Summary: 4 completed/);
  assert.equal(readFileSync(canary.file, 'utf8'), PRECIOUS);
  assert.deepEqual(readdirSync(canary.outside), ['precious']);
  for (const args of [
    ['status', '--detailed'],
    ['clean', '--all'],
  ]) {
    const again = await bench.run(args, { env });
    assert.equal(again.code, 0, again.stdout + again.stderr);
  }
});

test('a dead claim whose log is a directory, a pipe or very large is settled all the same', async (t) => {
  const { bench, env } = await makeScripted(t, 'echo fixed');
  for (const kind of ['directory', 'pipe', 'large'])
    for (const outcome of [undefined, forgedOutcome(PRECIOUS)]) {
      const task = `${kind}-${outcome ? 'done' : 'died'}.md`;
      await bench.write(task, 'Fix it.\n');
      await forgeTwoDeaths(bench, task);
      const { claim } = forgeLock(bench, forgedRecord({ task }), outcome);
      const log = path.join(bench.tasks, `.exec_log-${task}.${claim}`);
      if (kind === 'directory') mkdirSync(log);
      else if (kind === 'pipe') execFileSync('mkfifo', [log]);
      else {
        writeFileSync(log, '');
        truncateSync(log, 2 ** 40);
      }
    }
  const { code, stdout, stderr } = await bench.run([], { env });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Summary: 6 completed/);
  assert.deepEqual(await bench.leftovers(), []);
});

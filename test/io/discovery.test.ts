import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { newClaimId } from '../../src/core/claim.ts';
import { UsageError } from '../../src/core/errors.ts';
import {
  byNaturalOrder,
  markerOf,
  Marks,
  MAX_NAME_BYTES,
  MAX_PROMPT_BYTES,
  stateOf,
} from '../../src/core/task.ts';
import { discover } from '../../src/io/discovery.ts';
import { realFiles } from '../../src/io/files.ts';
import { scratch } from '../rig/scratch.ts';
import { filesWith } from './rig.ts';

/** A directory with these files, and the discovery in it. */
function tree(t: TestContext, files: readonly string[] = []) {
  const cwd = scratch(t);
  const put = (name: string, text: string | Buffer = 'do it') => {
    const path = `${cwd}/${name}`;
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    writeFileSync(path, text);
  };
  for (const name of files) put(name);
  const find = async (paths: readonly string[] = [], patterns: readonly string[] = ['*.md'], from = cwd) => {
    const { tasks: found, refused, directories } = await discover(realFiles, paths, patterns, from);
    const tasks = found.toSorted(byNaturalOrder);
    return { labels: tasks.map(({ label }) => label), tasks, refused, directories };
  };
  return { cwd, put, find };
}

test('a directory contributes what matches the pattern in it, and no argument means the current one', async (t) => {
  const { find, cwd } = tree(t, ['b.md', 'a.md', 'c.txt', 'deep/d.md', '.hidden.md']);
  const here = await find();
  assert.deepEqual(here.labels, ['a.md', 'b.md']);
  assert.deepEqual(here.tasks[0], { directory: cwd, name: 'a.md', label: 'a.md' });
  assert.deepEqual([...here.directories], [[cwd, 'whole']]);
  assert.deepEqual((await find(['.'])).labels, ['a.md', 'b.md']);
  assert.deepEqual((await find(['deep'])).labels, ['deep/d.md']);
  assert.deepEqual((await find(['.'], ['*.txt', 'a.*'])).labels, ['a.md', 'c.txt']);
  assert.deepEqual((await find(['.'], ['*.none'])).labels, []);
});

test('a pattern with ** goes deeper, and never into the private folder', async (t) => {
  const files = [
    'b.md',
    'deep/d.md',
    'deep/er/e.md',
    '.codex-worker/ended/x.md',
    'deep/.codex-worker/raw/y.md',
  ];
  const { find, cwd } = tree(t, files);
  const found = await find([], ['**/*.md']);
  assert.deepEqual(found.labels, ['b.md', 'deep/d.md', 'deep/er/e.md']);
  assert.deepEqual([...found.directories.keys()].sort(), [cwd, `${cwd}/deep`, `${cwd}/deep/er`]);
  assert.deepEqual((await find([], ['**/.*/**/*.md', '.codex-worker/**'])).labels, []);
});

test('a file is taken whatever its name, and does not stand for its directory', async (t) => {
  const { find, cwd } = tree(t, ['notes', 'a.md', '.hidden']);
  const found = await find(['notes', './.hidden']);
  assert.deepEqual(found.labels, ['.hidden', 'notes']);
  assert.deepEqual([...found.directories], [[cwd, 'named']]);
  assert.equal((await find(['notes', '.'])).directories.get(cwd), 'whole');
  assert.equal((await find(['.', 'notes'])).directories.get(cwd), 'whole');
});

test('tasks come in natural order, whatever order they were given in', async (t) => {
  const { find } = tree(t, ['bug-10.md', 'bug-2.md', 'bug-1.md', 'sub/bug-3.md']);
  assert.deepEqual((await find(['sub', 'bug-10.md', '.', 'bug-1.md'])).labels, [
    'bug-1.md',
    'bug-2.md',
    'bug-10.md',
    'sub/bug-3.md',
  ]);
});

test('a task is one task by any spelling of its path', async (t) => {
  const { find, cwd } = tree(t, ['tasks/fix.md']);
  symlinkSync('tasks', `${cwd}/alias`);
  symlinkSync(`${cwd}/alias`, `${cwd}/second-alias`);
  const spellings = [
    'tasks',
    'tasks/',
    './tasks',
    'tasks/../tasks',
    cwd + '/tasks',
    'alias',
    'alias/',
    'second-alias',
    'tasks/fix.md',
    './tasks//fix.md',
    'alias/fix.md',
    'second-alias/../tasks/fix.md',
    `${cwd}/alias/fix.md`,
  ];
  for (const spelling of spellings)
    assert.deepEqual((await find([spelling])).labels, ['tasks/fix.md'], spelling);
  assert.deepEqual((await find(spellings)).labels, ['tasks/fix.md']);
  assert.deepEqual((await find(spellings)).refused, []);
});

test('tasks of another directory are labelled by the way to them', async (t) => {
  const { find, cwd } = tree(t, ['tasks/fix.md', 'app/x']);
  assert.deepEqual((await find(['../tasks'], ['*.md'], `${cwd}/app`)).labels, ['../tasks/fix.md']);
});

test('markers are passed over without a word, as a shell glob will contain them', async (t) => {
  const task = 'fix.md';
  const claim = newClaimId();
  const markers = [
    markerOf.lock(task),
    markerOf.mirror(task),
    markerOf.completed(task),
    markerOf.failed(task),
    markerOf.runningLog(task, claim),
    markerOf.right(claim, 1),
  ];
  const { find } = tree(t, [task, ...markers]);
  for (const found of [await find([task, ...markers]), await find([], ['*', '.*'])]) {
    assert.deepEqual(found.labels, [task]);
    assert.deepEqual(found.refused, []);
  }
});

test('a file of the user’s own with a reserved prefix is refused aloud, and so is one that no longer has its task', async (t) => {
  const { find } = tree(t, ['in-progress-report.md', 'a.md']);
  const { labels, refused } = await find();
  assert.deepEqual(labels, ['a.md']);
  assert.deepEqual(refused, [
    {
      label: 'in-progress-report.md',
      why: 'has a name that begins with in-progress-, which is reserved for markers; rename it',
    },
  ]);
});

test('what cannot be a task is refused with the reason, whether it was named or matched', async (t) => {
  const { cwd, put, find } = tree(t, ['fine.md']);
  put('empty.md', '');
  put('large.md', Buffer.alloc(MAX_PROMPT_BYTES + 1, 'x'));
  put('largest.md', Buffer.alloc(MAX_PROMPT_BYTES, 'x'));
  put(`${'l'.repeat(MAX_NAME_BYTES - 3)}.md`);
  put(`${'n'.repeat(MAX_NAME_BYTES - 2)}.md`);
  symlinkSync('fine.md', `${cwd}/link.md`);
  symlinkSync('nowhere', `${cwd}/broken-link.md`);
  execFileSync('mkfifo', [`${cwd}/pipe.md`]);
  const expected: [string, string][] = [
    ['broken-link.md', 'is a symbolic link, not a regular file'],
    ['empty.md', 'is empty'],
    ['large.md', 'has 1048577 bytes, and Codex takes at most 1048576'],
    ['link.md', 'is a symbolic link, not a regular file'],
    [
      `${'n'.repeat(MAX_NAME_BYTES - 2)}.md`,
      'has a name of 213 bytes, and 212 is the longest that leaves room for its markers',
    ],
    ['pipe.md', 'is a named pipe, not a regular file'],
  ];
  const accepted = ['fine.md', 'largest.md', `${'l'.repeat(MAX_NAME_BYTES - 3)}.md`];
  const named = [...expected.map(([label]) => label), ...accepted];
  for (const found of [await find(named), await find()]) {
    const why = new Map(found.refused.map((refusal) => [refusal.label, refusal.why]));
    assert.deepEqual(why, new Map(expected));
    assert.deepEqual(found.labels.toSorted(), accepted.toSorted());
  }
});

test('a directory of completed tasks is read once, and their files are not looked at', async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `task-${i}.md`);
  const { cwd, put } = tree(t, ['new.md', 'notes.txt', ...names, ...names.map(markerOf.completed)]);
  put('task-7.md', ''); // emptied since; a run that takes it again reads it, and refuses it then
  const calls: string[] = [];
  const files = filesWith({
    lstat: (path) => {
      calls.push(path.slice(cwd.length));
      return realFiles.lstat(path);
    },
    readdir: (path) => {
      calls.push(`${path.slice(cwd.length)}/*`);
      return realFiles.readdir(path);
    },
  });
  const { tasks, refused, listings } = await discover(files, ['.'], ['*.md'], cwd);
  assert.deepEqual(tasks.map(({ name }) => name).sort(), ['new.md', ...names].sort());
  assert.deepEqual(refused, []);
  assert.deepEqual(calls, ['', '', '/*', '/new.md']);
  assert.equal(stateOf('task-7.md', listings.get(cwd)?.marks ?? new Marks()), 'completed');
});

test('what is no regular file is refused beside a result too, and so is a name that is too long', async (t) => {
  const long = `${'n'.repeat(MAX_NAME_BYTES - 2)}.md`;
  const names = ['link.md', 'pipe.md', 'fine.md', long];
  const { cwd, put, find } = tree(t, names.map(markerOf.completed));
  for (const name of ['fine.md', long]) put(name);
  symlinkSync('fine.md', `${cwd}/link.md`);
  execFileSync('mkfifo', [`${cwd}/pipe.md`]);
  const { labels, refused } = await find();
  assert.deepEqual(labels, ['fine.md']);
  assert.deepEqual(refused.map(({ label }) => label).sort(), ['link.md', 'pipe.md', long].sort());
});

test('a name that is not UTF-8 is refused where it matches, and nowhere else', async (t) => {
  const { cwd, find } = tree(t, ['fine.md']);
  const path = (name: string) => Buffer.concat([Buffer.from(`${cwd}/`), Buffer.from(name, 'latin1')]);
  writeFileSync(path('caf\xe9.md'), 'x');
  writeFileSync(path('caf\xe9.jpg'), 'x');
  const why = 'has a name that is not UTF-8';
  const whole = await find();
  assert.deepEqual(whole.labels, ['fine.md']);
  assert.deepEqual(whole.refused, [{ label: 'caf\ufffd.md', why }]);
  assert.deepEqual((await find(['fine.md'])).refused, []);
  // A shell glob hands it over, and Node decodes it so.
  assert.deepEqual((await find(['fine.md', 'caf\ufffd.md'])).refused, [{ label: 'caf\ufffd.md', why }]);
});

test('a name that looks like one that is not UTF-8 is a task of its own, once', async (t) => {
  const { cwd, find } = tree(t, ['caf\ufffd.md']);
  writeFileSync(Buffer.concat([Buffer.from(`${cwd}/`), Buffer.from('caf\xe9.md', 'latin1')]), 'x');
  for (const results of [[], ['done_exec_log-caf\ufffd.md.txt']]) {
    for (const name of results) writeFileSync(`${cwd}/${name}`, 'x');
    const { labels, refused } = await find();
    assert.deepEqual(labels, ['caf\ufffd.md']);
    assert.deepEqual(refused, [{ label: 'caf\ufffd.md', why: 'has a name that is not UTF-8' }]);
  }
});

test('names that a glob or a shell would take apart are found as they are', async (t) => {
  const names = [
    '-rf.md',
    '[x].md',
    '{a,b}.md',
    'a b .md',
    'a\nb.md',
    'back\\slash.md',
    'q\'u"o.md',
    '*.md',
    'ü.md',
    '🙂.md',
    '!x.md',
    '(y).md',
  ];
  const { find } = tree(t, names);
  assert.deepEqual((await find()).tasks.map(({ name }) => name).sort(), names.toSorted());
  assert.deepEqual(
    (await find(names.map((name) => `./${name}`))).tasks.map(({ name }) => name).sort(),
    names.toSorted(),
  );
});

test('a directory whose own path looks like a glob is taken as it is', async (t) => {
  const { find } = tree(t, ['[tasks]/{a}*/fix.md', 't/fix.md']);
  assert.deepEqual((await find(['[tasks]/{a}*'])).labels, ['[tasks]/{a}*/fix.md']);
});

test('a name that begins with a line end is found like any other', async (t) => {
  // The last ones have in them what stands for a line end inside the glob.
  const names = [
    '\na.md',
    '\rb.md',
    '\r\nc.md',
    '\u2028d.md',
    '\u2029e.md',
    'f\n.md',
    '🐊.md',
    '\u{1f028}.md',
  ];
  const { find } = tree(t, [...names, '\ndeep/g.md', 'x.md\n']);
  assert.deepEqual(new Set((await find()).labels), new Set(names));
  assert.deepEqual((await find([], ['\n*.md'])).labels, ['\na.md']);
  assert.ok((await find([], ['**/*.md'])).labels.includes('\ndeep/g.md'));
});

test('the tasks of a directory with a backslash in its path are its own, not those of a directory with a slash there', async (t) => {
  const { find, cwd } = tree(t, ['x\\y/a.md', 'x\\y/deep/b.md', 'x/y/other.md']);
  const here = `${cwd}/x\\y`;
  assert.deepEqual((await find([], ['*.md'], here)).labels, ['a.md']);
  assert.deepEqual((await find([], ['**/*.md'], here)).labels, ['a.md', 'deep/b.md']);
  assert.deepEqual((await find([], ['**/*.md'])).labels, ['x/y/other.md', 'x\\y/a.md', 'x\\y/deep/b.md']);
});

test('a path that does not exist is the user’s mistake', async (t) => {
  const { find } = tree(t, ['a.md']);
  for (const path of ['nowhere', 'nowhere/a.md', 'a.md/b', ''].filter((text) => text !== ''))
    await assert.rejects(find([path]), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, `no such path: ${path}`);
      return true;
    });
});

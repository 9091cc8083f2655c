import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { test, type TestContext } from 'node:test';
import { MAX_PROMPT_BYTES } from '../../src/core/task.ts';
import { realFiles } from '../../src/io/files.ts';
import { isUnchanged, readPrompt } from '../../src/io/prompt.ts';
import { scratch } from '../rig/scratch.ts';
import { errno, filesWith } from './rig.ts';

/** An empty directory, and how a file comes to be in it. */
function place(t: TestContext) {
  const cwd = scratch(t);
  const put = (name: string, text: string | Buffer = 'do it') => writeFileSync(`${cwd}/${name}`, text);
  return { cwd, put };
}

const task = (directory: string, name = 'fix.md') => ({ directory, name, label: name });

test('a prompt is read byte for byte, with what tells later whether its file was changed', async (t) => {
  const { cwd, put } = place(t);
  const texts = [
    'do it\n',
    '\ufeffwith a byte order mark',
    'nul \0 inside',
    'CRLF\r\n',
    '任务 🙂',
    'x'.repeat(MAX_PROMPT_BYTES),
  ];
  for (const text of texts) {
    put('fix.md', text);
    const prompt = await readPrompt(realFiles, task(cwd));
    assert.equal(prompt.kind, 'read');
    assert.equal(prompt.bytes.toString('utf8'), text);
    assert.equal(prompt.source.size, Buffer.byteLength(text));
    assert.equal(prompt.source.sha256, createHash('sha256').update(text).digest('hex'));
    assert.equal(await isUnchanged(realFiles, task(cwd), prompt.source), 'same');
  }
});

test('what Codex would refuse is refused before anything is claimed', async (t) => {
  const { cwd, put } = place(t);
  const table: [string | Buffer, RegExp][] = [
    ['', /no text/],
    [' \n\t\r\n', /no text/],
    ['\ufeff\n', /no text/],
    [Buffer.from([0x61, 0xff]), /not UTF-8/],
    [Buffer.from([0xc3]), /not UTF-8/],
    [Buffer.from([0xed, 0xa0, 0x80]), /not UTF-8/],
    [Buffer.from('utf-16', 'utf16le').fill(0xff, 0, 1), /not UTF-8/],
    [Buffer.alloc(MAX_PROMPT_BYTES + 1, 'x'), /more than the 1048576 bytes/],
  ];
  for (const [content, why] of table) {
    put('fix.md', content);
    const prompt = await readPrompt(realFiles, task(cwd));
    assert.equal(prompt.kind, 'refused', String(why));
    assert.match(prompt.why, why);
  }
});

test('what is no regular file is never read, and never blocks', async (t) => {
  const cwd = scratch(t);
  assert.deepEqual(await readPrompt(realFiles, task(cwd)), { kind: 'gone' });
  mkdirSync(`${cwd}/directory`);
  symlinkSync('/etc/passwd', `${cwd}/link`);
  execFileSync('mkfifo', [`${cwd}/pipe`]);
  for (const name of ['directory', 'link', 'pipe'])
    assert.equal((await readPrompt(realFiles, task(cwd, name))).kind, 'refused', name);
  const unreadable = filesWith({ open: () => Promise.reject(errno('EACCES')) });
  assert.deepEqual(await readPrompt(unreadable, task(cwd)), { kind: 'refused', why: 'may not be read' });
  await assert.rejects(readPrompt(filesWith({ open: () => Promise.reject(errno('EIO')) }), task(cwd)), {
    code: 'EIO',
  });
});

test('a task file that was edited, touched, replaced or removed is no longer what was read', async (t) => {
  const { cwd, put } = place(t);
  const path = `${cwd}/fix.md`;
  const changes: [() => void, 'changed' | 'gone'][] = [
    [() => appendFileSync(path, 'x'), 'changed'],
    [() => utimesSync(path, 1, 1), 'changed'],
    [
      () => {
        put('copy', 'do it');
        renameSync(`${cwd}/copy`, path);
      },
      'changed',
    ],
    [() => rmSync(path), 'gone'],
    [
      () => {
        rmSync(path);
        mkdirSync(path);
      },
      'changed',
    ],
  ];
  for (const [change, expected] of changes) {
    put('fix.md');
    const prompt = await readPrompt(realFiles, task(cwd));
    assert.equal(prompt.kind, 'read');
    change();
    assert.equal(await isUnchanged(realFiles, task(cwd), prompt.source), expected);
    rmSync(path, { recursive: true, force: true });
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeAnswer, questionHeadline, questionText } from '../../src/core/question-text.ts';
import { idOf, type Answer, type Asked, type Question } from '../../src/core/question.ts';
import { shellCall } from '../../src/core/shell-call.ts';

const AT = Date.UTC(2026, 10, 23, 2, 10, 11);

function question(asked: Asked | string, more: Partial<Question> = {}): Question {
  return {
    claim: 'c'.repeat(32),
    n: 1,
    task: 'fix.md',
    attempt: 2,
    asked: typeof asked === 'string' ? { kind: 'command', command: asked } : asked,
    workingDirectory: '/project',
    at: AT,
    offers: ['approve', 'approve-session', 'deny', 'stop'],
    ...more,
  };
}

const lines = (asked: Question, columns?: number) =>
  questionText(asked, AT + 65_000, { path: 'tasks/fix.md', ...(columns !== undefined && { columns }) });

test('a question says who asks, what and where, why in the words of the agent, and how to answer', () => {
  const asked = question("/bin/bash -lc 'npm install left-pad'", { reason: 'May I?\nIt is needed.' });
  const id = idOf(asked);
  assert.deepEqual(lines(asked), [
    'fix.md asks to run this command with /bin/bash -lc, in /project:',
    '',
    '    │ npm install left-pad',
    '',
    'Once it is approved, Codex may run it outside of its sandbox.',
    '',
    "Its reason, in the agent's words:",
    '',
    '    │ May I?',
    '    │ It is needed.',
    '',
    `Asked at 2026-11-23T02:10:11Z, 1m 05s ago, in attempt 2: question ${id}.`,
    '',
    'To approve it:',
    `  codex-worker approve tasks/fix.md --question ${id}`,
    'To approve it, and the same again in its session:',
    `  codex-worker approve tasks/fix.md --question ${id} --session`,
    'To deny it:',
    `  codex-worker deny tasks/fix.md --question ${id}`,
    'To deny it and end the attempt:',
    `  codex-worker deny tasks/fix.md --question ${id} --stop`,
  ]);
});

test('only what Codex offers is offered', () => {
  const text = lines(question('ls', { offers: ['stop', 'approve'] })).join('\n');
  assert.match(text, / approve .* --question \w{6}\n/);
  assert.match(text, /--stop$/);
  assert.doesNotMatch(text, /--session|To deny it:/);
});

test('the lines of a command are numbered', () => {
  assert.deepEqual(lines(question('cd /x\n\nmake\n')).slice(0, 7), [
    'fix.md asks to run this command line, in /project:',
    '',
    '    1 │ cd /x',
    '    2 │',
    '    3 │ make',
    '    4 │',
    '',
  ]);
});

test('changes of files are shown with their whole diffs, moves and the right to write that is asked for', () => {
  const asked = question({
    kind: 'file-changes',
    changes: [
      { path: '/etc/hosts', change: 'update', diff: '@@ -1 +1 @@\n-a\n+b\n' },
      { path: 'src/../new.txt', change: 'add', diff: 'hello' },
      { path: '/project/a', change: 'update', movedTo: '/b', diff: '' },
    ],
    grantRoot: '/opt',
  });
  assert.deepEqual(lines(asked).slice(0, 42), [
    'fix.md asks to change 3 files, from /project:',
    '',
    '1. update, outside of /project, 3 lines:',
    '',
    '    │ /etc/hosts',
    '',
    'with these changes:',
    '',
    '    │ @@ -1 +1 @@',
    '    │ -a',
    '    │ +b',
    '',
    '2. add, 1 line:',
    '',
    '    │ /project/new.txt',
    '',
    'which was written:',
    '',
    '    │ src/../new.txt',
    '',
    'with this text:',
    '',
    '    │ hello',
    '    │ ‹no line end›',
    '',
    '3. update, with nothing in it:',
    '',
    '    │ /project/a',
    '',
    'and move it, outside of /project, to:',
    '',
    '    │ /b',
    '',
    'with these changes:',
    '',
    '    │ ‹nothing›',
    '',
    'It also asks to write at will, outside of /project, while its session lasts,',
    '  ↪  in:',
    '',
    '    │ /opt',
    '',
  ]);
});

test('a headline says what it is about, what lies outside first, in as many columns as there are', () => {
  const change = (...paths: string[]) =>
    question({
      kind: 'file-changes',
      changes: paths.map((path) => ({ path, change: 'update', diff: '' })),
    });
  assert.equal(questionHeadline(question("/bin/zsh -lc 'rm -rf build'")), 'run: rm -rf build');
  assert.equal(questionHeadline(question('cd x\nmake')), 'run: cd x‹LF›make');
  assert.equal(questionHeadline(change('/project/a.ts')), 'change 1 file: a.ts');
  assert.equal(questionHeadline(change('/x', '/project/../y')), 'change 2 files outside: ../x, ../y');
  assert.equal(questionHeadline(change('/project/a', '/x')), 'change 2 files, 1 outside: ../x, a');
  assert.equal(questionHeadline(question('x'.repeat(50)), 20), `run: ${'x'.repeat(13)}…`);
  for (let width = 1; width < 40; width++)
    assert.ok(questionHeadline(question('x y '.repeat(50)), width).length <= Math.max(2, width), `${width}`);
});

test('an answer is described with who gave it, and where', () => {
  const answer = (more: Partial<Answer>): Answer => ({
    claim: 'c'.repeat(32),
    n: 1,
    digest: '0'.repeat(64),
    decision: 'approve',
    how: 'person',
    by: { user: 'ada', host: 'host1', terminal: '/dev/pts/3', pid: 7 },
    at: AT,
    ...more,
  });
  assert.equal(describeAnswer(answer({})), 'approved by ada on host1 (/dev/pts/3)');
  assert.equal(
    describeAnswer(answer({ decision: 'approve-session', by: { user: 'a\x1b', host: 'h', pid: 1 } })),
    'approved for this session by a‹ESC› on h',
  );
  assert.equal(describeAnswer(answer({ decision: 'deny' })), 'denied by ada on host1 (/dev/pts/3)');
  assert.equal(
    describeAnswer(answer({ decision: 'stop' })),
    'denied and stopped by ada on host1 (/dev/pts/3)',
  );
  assert.equal(
    describeAnswer(answer({ how: 'timeout', decision: 'deny' })),
    'denied: nobody answered in time',
  );
  assert.match(describeAnswer(answer({ how: 'withdrawn', decision: 'deny' })), /^withdrawn: /);
});

test('of the call of a shell the script is shown, as Codex itself quotes it', () => {
  // Left: what a model asked for. Right: what the real Codex 0.169 made of it.
  const table: [string, string][] = [
    ["echo don't", `/bin/bash -c "echo don't"`],
    [`echo "a" 'b' $HOME`, `/bin/bash -c "echo \\"a\\" 'b' "'$HOME'`],
    [`echo 'it'"'"'s' \\x`, `/bin/bash -c "echo 'it'\\"'\\"'s' \\\\x"`],
    ['echo ^a ^b', "/bin/bash -c 'echo ''^a ''^b'"],
    ['echo привет', "/bin/bash -c 'echo привет'"],
    ['echo `id` !x', "/bin/bash -c 'echo `id` !x'"],
    ['echo "don\'t `x` $y" \\', `/bin/bash -c "echo \\"don't "'\`x\` $y" '"\\\\"`],
    ['ls', '/bin/bash -c ls'],
    ['a-b_c%+,./:=@[x]', "/bin/bash -c 'a-b_c%+,./:=@[x]'"],
    ['^ls', "/bin/bash -c '^ls'"],
    [`it's "q" \\ back`, `/bin/bash -c "it's \\"q\\" \\\\ back"`],
    ['x\\y', '/bin/bash -c "x\\\\y"'],
    ['a{b}', "/bin/bash -c 'a{b}'"],
    ['~/x #c', "/bin/bash -c '~/x #c'"],
    ['a]b', '/bin/bash -c a]b'],
  ];
  for (const [script, line] of table)
    assert.deepEqual(shellCall(line), { shell: '/bin/bash -c', script }, line);
  for (const shell of ['/bin/bash -lc', 'zsh -lc', 'sh -c', '/usr/local/bin/bash -c'])
    assert.deepEqual(shellCall(`${shell} 'a\nb'`), { shell, script: 'a\nb' });
});

test('a line that is not exactly the call of a shell is shown as it is', () => {
  for (const line of [
    "/bin/bash -lc 'a'; rm -rf /",
    "/bin/bash -lc 'a' b",
    "/bin/bash -lc 'ls'", // needs no quotes: Codex writes none
    '/bin/bash -lc "$(id)"',
    '/bin/bash -lc "a\\zb"',
    "/bin/bash -lc 'a",
    '/bin/bash -lc a b',
    '/bin/bash -lc a;b',
    "/bin/bash  -lc 'a b'",
    "x/bin/bash -lc 'a b'",
    "python -c 'a b'",
    '/bin/bash -lc ',
    "/bin/bash -lc 'a b'\n",
  ])
    assert.equal(shellCall(line), undefined, line);
});

test('where it is answered by keys no command is proposed', () => {
  const asked = question('make');
  assert.doesNotMatch(questionText(asked, AT, {}).join('\n'), /codex-worker|To approve/);
  assert.match(questionText(asked, AT, {}).join('\n'), /│ make/);
});

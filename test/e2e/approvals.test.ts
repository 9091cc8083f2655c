/** `approvals`, `approve` and `deny`, of agents that are made up: their claims and questions stand there as if they had asked. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { digestOf, idOf } from '../../src/core/question.ts';
import { giveAnswer, openAnswers } from '../../src/io/answer-file.ts';
import { realFiles } from '../../src/io/files.ts';
import { makeAsking, type Asking } from '../rig/asking.ts';
import { answerTo, question } from '../rig/question.ts';
import { noScreen, openScreen } from '../rig/screen.ts';

interface Told {
  readonly at: string;
  readonly questions: readonly {
    readonly id: string;
    readonly task: string;
    readonly digest: string;
    readonly commands: Readonly<Record<string, string>>;
  }[];
  readonly unheard: readonly { readonly task: string }[];
}

const told = async ({ bench }: Asking, ...args: string[]) =>
  JSON.parse((await bench.run(['approvals', '--json', ...args])).stdout) as Told;

/** The names of all fields in it, with the way to each; of an array those that any element has. */
function fieldsOf(value: unknown, way = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((element) => fieldsOf(element, `${way}[]`)))];
  if (typeof value !== 'object' || value === null) return [way];
  return Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, `${way}.${key}`));
}

test('approvals shows all that is asked, oldest first, with the commands that answer it; and says so when nothing is', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const nothing = await bench.run(['approvals']);
  assert.deepEqual([nothing.code, nothing.stdout], [0, 'No agent asks anything here.\n']);
  const now = Date.now();
  const [second, first] = [
    await asking.ask('fix.md', { at: now - 60_000 }),
    await asking.ask('two words.md', { at: now - 3_600_000, offers: ['deny', 'approve'] }),
  ];
  const { code, stdout } = await bench.run(['approvals']);
  assert.equal(code, 0);
  assert.deepEqual(
    [...stdout.matchAll(/^❓ (.*) asks for approval \((.*)\)$/gm)].map(([, task, id]) => [task, id]),
    [
      ['two words.md', idOf(first)],
      ['fix.md', idOf(second)],
    ],
  );
  assert.match(stdout, /│ rm -rf build/);
  assert.deepEqual(
    [...stdout.matchAll(/^ {2}(codex-worker .*)$/gm)].map(([, command]) => command),
    [
      `codex-worker approve 'two words.md' --question ${idOf(first)}`,
      `codex-worker deny 'two words.md' --question ${idOf(first)}`,
      `codex-worker approve fix.md --question ${idOf(second)}`,
      `codex-worker approve fix.md --question ${idOf(second)} --session`,
      `codex-worker deny fix.md --question ${idOf(second)}`,
      `codex-worker deny fix.md --question ${idOf(second)} --stop`,
    ],
  );
  assert.deepEqual(
    (await told(asking, 'fix.md')).questions.map(({ task }) => task),
    ['fix.md'],
  );
  await bench.write('elsewhere/a.md', 'Do it.\n');
  assert.deepEqual((await told(asking, 'elsewhere')).questions, []);
  assert.deepEqual((await bench.run(['approvals', '../tasks'])).stdout.match(/❓/g)?.length, 2);
});

test('the document of approvals --json has the fields that its documentation shows, and no others', async (t) => {
  const asking = await makeAsking(t);
  const changes = [{ path: 'a.txt', change: 'update', movedTo: 'b.txt', diff: '-a\n+b\n' }] as const;
  const sound = await asking.ask('fix.md');
  await asking.ask('move.md', { asked: { kind: 'file-changes', changes, grantRoot: '/code' } });
  await asking.ask('dead.md');
  await asking.kill('dead.md');
  const seen = await told(asking);
  const text = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8');
  const documented: unknown = JSON.parse(
    /## `approvals --json`[^]*?```json\n([^]*?)```/.exec(text)?.[1] ?? '',
  );
  assert.deepEqual(fieldsOf(seen).toSorted(), fieldsOf(documented).toSorted());
  assert.equal(seen.questions[0]?.digest, digestOf(sound));
  assert.deepEqual(
    seen.unheard.map(({ task }) => task),
    ['dead.md'],
  );
  assert.match(
    (await asking.bench.run(['approvals'])).stdout,
    /dead\.md asked too, but its worker is dead: the next run goes on with it\n$/,
  );
  await asking.kill('fix.md');
  await asking.kill('move.md');
  assert.match(
    (await asking.bench.run(['approvals'])).stdout,
    /^No agent asks anything here\.\n\n[^]*^dead\.md asked, but its worker /m,
  );
});

test('the commands that are shown answer just that question, in every way that is offered', async (t) => {
  const asking = await makeAsking(t);
  for (const decision of ['approve', 'approve-session', 'deny', 'stop'] as const) {
    const task = `it's ${decision}; touch canary.md`;
    const asked = await asking.ask(task);
    const other = await asking.ask(task);
    const { questions } = await told(asking);
    const command = questions.find(({ id }) => id === idOf(asked))?.commands[decision] ?? '';
    const { code, stdout, stderr } = await asking.bench.shell(command);
    assert.equal(code, 0, stdout + stderr);
    const answer = await asking.answerTo(asked);
    assert.deepEqual([answer?.decision, answer?.how, answer?.digest], [decision, 'person', digestOf(asked)]);
    assert.equal(answer?.by.terminal, undefined);
    assert.equal(await asking.answerTo(other), undefined);
    assert.deepEqual(
      (await told(asking)).questions.map(({ id }) => id),
      [idOf(other)],
      'what is answered is not open, although its owner has not come to it',
    );
    await asking.release(task);
  }
  assert.ok(!(await asking.bench.ls()).includes('canary.md'));
});

test('an answer is for its owner only, and what it says is one line', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md', { asked: { kind: 'command', command: 'echo \u001b[2J\nrm x' } });
  const { code, stdout } = await asking.bench.run(['approve', 'fix', '-y']);
  assert.deepEqual([code, stdout], [0, 'approved: fix.md · run: echo ‹ESC›[2J‹LF›rm x\n']);
  assert.equal(statSync(asking.answers).mode & 0o777, 0o700);
  assert.equal(statSync(`${asking.answers}/${asked.claim}.1`).mode & 0o777, 0o600);
});

test('who comes second is told who was first; nothing is asked twice', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const asked = await asking.ask('fix.md');
  assert.equal((await bench.run(['deny', 'fix.md'])).stdout, 'denied: fix.md · run: rm -rf build\n');
  for (const args of [
    ['approve', 'fix.md', '-y'],
    ['deny', 'fix.md', '--stop'],
    ['approve', 'fix.md', '--question', idOf(asked)],
  ]) {
    const { code, stdout, stderr } = await bench.run(args);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^fix\.md was answered already: denied by .+ on .+\n$/);
  }
  assert.equal((await asking.answerTo(asked))?.decision, 'deny');
  await asking.take(asked);
  for (const args of [
    ['approve', 'fix.md', '-y'],
    ['deny', 'fix.md'],
  ])
    assert.deepEqual(
      { ...(await bench.run(args)), signal: null },
      {
        code: 1,
        signal: null,
        stdout: '',
        stderr: 'fix.md asks nothing: it is in progress, and waits for nobody\n',
      },
    );
});

test('of several questions of a task one has to be named', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const [first, second] = [
    await asking.ask('fix.md'),
    await asking.ask('fix.md', { asked: { kind: 'command', command: 'make deploy' } }),
  ];
  const { code, stdout, stderr } = await bench.run(['deny', 'fix.md', '--stop']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.equal(
    stderr,
    'codex-worker: fix.md asks 2 things at once; say which:\n' +
      `  codex-worker deny fix.md --question ${idOf(first)} --stop\n      run: rm -rf build\n` +
      `  codex-worker deny fix.md --question ${idOf(second)} --stop\n      run: make deploy\n`,
  );
  assert.equal(
    (await bench.run(['approve', 'fix.md', '-y', '--question', digestOf(second).toUpperCase()])).code,
    0,
  );
  assert.equal((await bench.run(['deny', 'fix.md'])).code, 0, 'only one is left');
  assert.equal((await asking.answerTo(second))?.decision, 'approve');
  assert.equal((await asking.answerTo(first))?.decision, 'deny');
  assert.match((await bench.run(['deny', 'fix.md'])).stderr, /^fix\.md was answered already: denied/);
});

test('what cannot be answered is said: what is not offered, another state, no such task, a dead worker', async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  await bench.write('pending.md', 'Do it.\n');
  await bench.write('done.md', 'Do it.\n');
  await bench.write('done_exec_log-done.md.txt', 'x');
  const asked = await asking.ask('fix.md', { offers: ['deny', 'approve'] });
  await asking.ask('orphan.md');
  await asking.kill('orphan.md');
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [
      ['approve', 'fix.md', '--session'],
      2,
      /approve --session is not offered for question .{6} of "fix\.md"\n {2}hint: what is: approve, deny$/,
    ],
    [['deny', 'fix.md', '--stop'], 2, /deny --stop is not offered/],
    [['approve', 'pending.md', '-y'], 1, /^pending\.md asks nothing: it is pending$/],
    [['deny', 'done'], 1, /^done\.md asks nothing: it is completed$/],
    [['deny', 'orphan.md'], 1, /^orphan\.md asked, but its worker is dead: the next run goes on with it$/],
    [['approve', 'fxi.md', '-y'], 2, /no such task: "fxi\.md"\n {2}hint: did you mean fix\.md\?$/],
    [['approve'], 2, /approve: no task was named\n {2}hint: codex-worker approvals shows what is asked$/],
    [['deny', 'fix.md', 'done.md'], 2, /deny: got "done\.md"; it takes one word/],
    [['deny', '--', 'fix.md', 'done.md'], 2, /deny: got 2 tasks; it answers one/],
    [['deny', 'fix.md', '--question', 'abc'], 2, /--question: got "abc"; allowed are the six digits/],
    [['deny', 'fix.md', '--question', 'abcdef'], 1, /^fix\.md does not ask abcdef, or not any more$/],
    [
      ['approve', 'fix.md', '-y', '--question', idOf(asked)],
      2,
      /takes the whole digest, and got 6 digits of it\n {2}hint: an agent can find another question/,
    ],
    [['approve', 'fix.md', '--question', idOf(asked)], 2, /approve asks first, and there is no terminal/],
    [['approve', 'fix.md'], 2, /asks first, and there is no terminal to ask on\n {2}hint: --yes skips/],
    [['approvals', '--interactive'], 2, /is answered by keys, and there is no terminal/],
    [['approvals', '--interactive', '--json'], 2, /contradict each other/],
    [['approvals', 'nowhere'], 2, /no such path: "nowhere"/],
  ];
  for (const [args, expected, says] of cases) {
    const { code, stdout, stderr } = await bench.run(args);
    assert.deepEqual([code, stdout], [expected, ''], `${args.join(' ')}: ${stderr}`);
    assert.match(stderr.trimEnd(), says, args.join(' '));
  }
  assert.equal(await asking.answerTo(asked), undefined);
});

test('a run that keeps its answers elsewhere would not hear: it is said where, and nothing is answered', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md');
  const { code, stderr } = await asking.bench.run(['approve', 'fix.md', '-y'], {
    env: { XDG_STATE_HOME: `${asking.bench.scratch}/other state` },
  });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /looks for answers in .*\/\.local\/state\/codex-worker\/answers, and not in .*other state/,
  );
  const command = /hint: (XDG_STATE_HOME=\S+) codex-worker …/.exec(stderr)?.[1] ?? '';
  const done = await asking.bench.shell(`${command} codex-worker approve fix.md -y`);
  assert.equal(done.code, 0, done.stderr);
  assert.equal((await asking.answerTo(asked))?.decision, 'approve');
});

test('an answer that is begun and was never finished is told from one', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md');
  await openAnswers(realFiles, asking.answers);
  writeFileSync(`${asking.answers}/${asked.claim}.1`, '{"v":1,'); // what a kill leaves where there are no hard links
  const { code, stderr } = await asking.bench.run(['deny', 'fix.md']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^fix\.md was not answered: \/\S+\.1 stands in the way, of somebody who was interrupted; remove it/,
  );
});

test('an attempt that ends in the very moment of the answer takes the answer with it', async (t) => {
  const asking = await makeAsking(t);
  const asked = await asking.ask('fix.md');
  // Its release is seen only by the look that comes after the answer was given.
  const trap = path.join(asking.bench.scratch, 'trap.mjs');
  const lock = `${asking.bench.tasks}/.lock-fix.md`;
  writeFileSync(
    trap,
    `import fs from 'node:fs';
     import { syncBuiltinESMExports } from 'node:module';
     const { link, renameSync } = fs;
     fs.link = (from, to, done) => link(from, to, (error) => { renameSync(${JSON.stringify(lock)}, ${JSON.stringify(`${lock}-was`)}); done(error); });
     syncBuiltinESMExports();`,
  );
  const { code, stdout, stderr } = await asking.bench.run(['approve', 'fix.md', '-y'], {
    env: { NODE_OPTIONS: `--import=file://${trap}` },
  });
  assert.deepEqual([code, stdout, stderr], [1, '', 'too late: the attempt of fix.md that asked is over\n']);
  assert.deepEqual(readdirSync(asking.answers), []);
  await rename(`${lock}-was`, lock);
  assert.equal(await asking.answerTo(asked), undefined);
});

test('of two terminals that answer at the same moment exactly one has answered, round after round', async (t) => {
  const asking = await makeAsking(t);
  const winners = new Set<string>();
  for (let round = 0; round < 12; round++) {
    const asked = await asking.ask('fix.md');
    const id = digestOf(asked);
    const [yes, no] = await Promise.all([
      asking.bench.run(['approve', 'fix.md', '-y', '--question', id]),
      asking.bench.run(['deny', 'fix.md', '--question', id]),
    ]);
    assert.deepEqual(new Set([yes.code, no.code]), new Set([0, 1]), yes.stderr + no.stderr);
    const answer = await asking.answerTo(asked);
    assert.equal(answer?.decision, yes.code === 0 ? 'approve' : 'deny');
    const loser = yes.code === 0 ? no : yes;
    assert.match(loser.stderr, yes.code === 0 ? /already: approved by/ : /already: denied by/);
    winners.add(answer?.decision ?? '');
    await asking.take(asked);
  }
  t.diagnostic(`won by ${[...winners].join(' and ')}`);
});

test('an answer that was heard counts, also if its attempt was over before the look that comes after', async (t) => {
  const asking = await makeAsking(t);
  await asking.ask('fix.md');
  const trap = path.join(asking.bench.scratch, 'trap.mjs');
  // As the owner does that hears it at once: it is written down, then the agent ends for it, and the claim is released.
  writeFileSync(
    trap,
    `import fs from 'node:fs';
     import { syncBuiltinESMExports } from 'node:module';
     const { link, appendFileSync, readFileSync, unlinkSync } = fs;
     fs.link = (from, to, done) => link(from, to, (error) => {
       const answer = JSON.parse(readFileSync(to, 'utf8'));
       const at = new Date(answer.at).toISOString();
       const note = { ...answer, at, kind: 'answer', task: 'fix.md', attempt: 1, asked: 'x', text: 'x', askedAt: answer.at };
       appendFileSync(${JSON.stringify(`${asking.bench.tasks}/.codex-worker/journal.jsonl`)}, JSON.stringify(note) + '\\n');
       unlinkSync(${JSON.stringify(`${asking.bench.tasks}/.lock-fix.md`)});
       unlinkSync(to);
       done(error);
     });
     syncBuiltinESMExports();`,
  );
  const { code, stderr } = await asking.bench.run(['deny', 'fix.md', '--stop'], {
    env: { NODE_OPTIONS: `--import=file://${trap}` },
  });
  assert.equal(code, 0, stderr);
});

test('answers of a dead run go when somebody answers a week later', async (t) => {
  const asking = await makeAsking(t);
  await asking.ask('fix.md');
  await openAnswers(realFiles, asking.answers);
  const old = answerTo(question());
  await giveAnswer(realFiles, asking.answers, old);
  const before = new Date(Date.now() - 8 * 86_400_000);
  const { utimesSync } = await import('node:fs');
  utimesSync(`${asking.answers}/${old.claim}.1`, before, before);
  assert.equal((await asking.bench.run(['deny', 'fix.md'])).code, 0);
  assert.equal(readdirSync(asking.answers).length, 1);
});

const skip = noScreen;

test('on a terminal all of it is shown before an approval, and silence is a no', { skip }, async (t) => {
  const asking = await makeAsking(t);
  const { bench } = asking;
  const asked = await asking.ask('fix.md');
  const refusing = await openScreen(t, bench, ['codex-worker', 'approve', 'fix.md']);
  await refusing.until('it asks', () => /Approve it\? \[y\/N\]/.test(refusing.text));
  assert.match(refusing.history, /│ rm -rf build/);
  refusing.press('\r');
  assert.equal(await refusing.ended(), 1);
  assert.match(refusing.history, /Nothing was answered\./);
  assert.equal(await asking.answerTo(asked), undefined);

  const late = await openScreen(t, bench, ['codex-worker', 'approve', 'fix.md', '--session']);
  await late.until('it asks', () => /Approve it for this session\? \[y\/N\]/.test(late.text));
  assert.equal((await bench.run(['deny', 'fix.md'])).code, 0);
  late.press('y\r');
  assert.equal(await late.ended(), 1);
  assert.match(late.history, /fix\.md was answered already: denied by/);

  const other = await asking.ask('fix.md');
  await asking.take(asked);
  const willing = await openScreen(t, bench, ['codex-worker', 'approve', 'fix.md']);
  await willing.until('it asks', () => /Approve it\?/.test(willing.text));
  willing.press('y\r');
  assert.equal(await willing.ended(), 0);
  assert.match(willing.history, /approved: fix\.md · run: rm -rf build/);
  const answer = await asking.answerTo(other);
  assert.equal(answer?.decision, 'approve');
  if (process.platform === 'linux') assert.match(answer?.by.terminal ?? '', /^\/dev\/pts\/\d+$/);
});

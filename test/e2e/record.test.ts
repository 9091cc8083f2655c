/** What an agent asks and what it is told, on the record: where each of it stands when it is over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';

interface Report {
  readonly totals: { readonly answers: object };
  readonly tasks: readonly {
    readonly questions: readonly {
      readonly asked: string;
      readonly text: string;
      readonly decision: string;
      readonly how: string;
      readonly by: { readonly user: string; readonly pid: number };
    }[];
  }[];
}

interface Status {
  readonly needsApproval: number;
  readonly answers: object;
  readonly tasks: readonly {
    readonly needsApproval?: readonly { readonly id: string; readonly asked: string }[];
  }[];
  readonly limits?: object;
}

test('who answered what is in the log, the journal, the summary, status and the report; and so are the limits', async (t) => {
  const puppets = await makePuppets(t);
  const bench = await makeBench(t, puppets.env);
  await bench.write('fix.md', 'Fix it.\n');
  const statusOf = async () => JSON.parse((await bench.run(['status', '--json'])).stdout) as Status;
  const run = bench.start(['--backend', 'app-server', '--approvals', 'queue', '--json']);
  const call = await puppets.nextCall();
  const resetsAt = Math.floor(Date.now() / 1_000) + 3_600;
  const limits = { limitId: 'codex', primary: { usedPercent: 42, windowDurationMins: 300, resetsAt } };
  await call.print(JSON.stringify({ method: 'account/rateLimits/updated', params: { rateLimits: limits } }));
  const { told } = await call.ask({ command: 'rm -rf build' });
  const open = await bench.until('status shows the question', async () => {
    const found = await statusOf();
    return found.needsApproval === 1 && found;
  });
  const [question] = open.tasks[0]?.needsApproval ?? [];
  assert.equal(question?.asked, 'run: rm -rf build');
  assert.deepEqual(open.limits, {
    ...open.limits,
    id: 'codex',
    primary: { usedPercent: 42, windowMinutes: 300, resetsAt: new Date(resetsAt * 1_000).toISOString() },
  });
  assert.match(
    (await bench.run(['status'])).stdout,
    /\(1 needs your approval\)[^]*\nlimits: 42% of 5h used, resets /,
  );

  const { code, stderr } = await bench.run(['approve', 'fix.md', '--yes']);
  assert.equal(code, 0, stderr);
  assert.equal(await told, 'accept');
  const late = await call.ask({ command: 'make' });
  await bench.until('it asks again', async () => (await statusOf()).needsApproval === 1);
  assert.equal((await bench.run(['deny', 'fix.md'])).code, 0);
  assert.equal(await late.told, 'decline');
  await call.complete();
  const end = await run.ended();
  assert.equal(end.code, 0, end.stderr);

  const answers = { asked: 2, approved: 1, denied: 1, stopped: 0, timedOut: 0, withdrawn: 0 };
  const last = JSON.parse(end.stdout.trimEnd().split('\n').at(-1) ?? '') as { summary: { answers: object } };
  assert.deepEqual(last.summary.answers, answers);
  assert.deepEqual((await statusOf()).answers, answers);
  assert.equal((await statusOf()).needsApproval, 0);
  const log = await bench.read('done_exec_log-fix.md.txt');
  assert.match(log, new RegExp(`^\\? asks for approval \\(${question?.id}, [^]*rm -rf build`, 'm'));
  assert.match(log, new RegExp(`^\\? ${question?.id} approved by .*Z \\(after \\d`, 'm'));
  assert.match(log, /^\? [0-9a-f]{6} denied by /m);
  const report = JSON.parse((await bench.run(['report', '--json', '-'])).stdout) as Report;
  assert.deepEqual(report.totals.answers, answers);
  assert.deepEqual(
    report.tasks[0]?.questions.map(({ asked, text, decision, how }) => [asked, text, decision, how]),
    [
      ['run: rm -rf build', 'rm -rf build', 'approve', 'person'],
      ['run: make', 'make', 'deny', 'person'],
    ],
  );
  const who = report.tasks[0]?.questions[0]?.by;
  assert.ok(who && log.includes(`approved by ${who.user} on `), 'the same person in both');
});

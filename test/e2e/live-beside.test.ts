/** The live view beside others: a pipe, another terminal, the real Codex and its limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, makeCodexBench } from '../rig/cli.ts';
import { makePuppets } from '../rig/puppet.ts';
import { noScreen, openScreen } from '../rig/screen.ts';
import { assertTidy, shows, start } from '../rig/stage.ts';

const skip = noScreen;

test(
  'beside a pipe that leads to the terminal again there is a view, and the keyboard is left alone',
  { skip },
  async (t) => {
    const puppets = await makePuppets(t);
    const bench = await makeBench(t);
    for (const name of ['a', 'b']) await bench.write(`${name}.md`, `Task ${name}.`);
    const screen = await openScreen(
      t,
      bench,
      ['bash', '-c', 'codex-worker | tee ../log; exit ${PIPESTATUS[0]}'],
      {
        env: puppets.env,
      },
    );
    await (await puppets.nextCall()).complete();
    const b = await puppets.nextCall();
    await shows(screen, /^✅ a\.md completed.*\n\n ⠋ b\.md[^]*1 completed · 1 running/m);
    assert.doesNotMatch(screen.history, /for keys/);
    await b.complete();
    assert.equal(await screen.ended(), 0);
    assertTidy(screen);
    assert.match(screen.history, /^✅ a\.md.*\n✅ b\.md.*\n\nSummary: 2 completed/m);
  },
);

test('what another terminal completes counts', { skip }, async (t) => {
  const { bench, puppets, screen } = await start(t, ['a', 'b', 'c', 'd'], []);
  await (await puppets.nextCall()).complete();
  const ours = await puppets.nextCall();
  await shows(screen, /^ 1 completed · 1 running · 2 to go$/m);
  const other = bench.start(['-c', '2'], { env: puppets.env });
  for (let i = 0; i < 2; i++) await (await puppets.nextCall()).complete();
  await shows(screen, /^ 1 completed · 1 running · 2 finished elsewhere$/m);
  await ours.complete();
  assert.equal(await screen.ended(), 0);
  assert.equal((await other.ended()).code, 0);
  assert.match(screen.history, /^Summary: 2 completed, 0 failed, 2 finished elsewhere/m);
});

test(
  'the real Codex: what it does is shown, a limit counts down, and p tries it at once',
  { skip },
  async (t) => {
    let isLimited = true;
    const bench = await makeCodexBench(t, {
      script: (prompt) => {
        if (prompt.startsWith('First.'))
          return [
            { kind: 'run', command: 'echo hello' },
            { kind: 'hold', gate: 'door' },
          ];
        return isLimited
          ? [{ kind: 'http', status: 429, reason: 'usage_limit', seconds: 600 }]
          : [{ kind: 'say', text: 'Done.' }];
      },
    });
    await bench.write('a.md', 'First.');
    await bench.write('b.md', 'Second.');
    const screen = await openScreen(
      t,
      bench,
      ['codex-worker', '-c', '2', '--mode', 'danger-full-access', '--yes'],
      {
        columns: 100,
      },
    );
    await shows(screen, /^ . a\.md +\d+s {2}\$ .*echo hello/m);
    await shows(screen, /^ Paused for a limit, tried again in 1\dm \d\ds; p goes on at once$/m);
    const before = /in (.*?);/.exec(screen.text)?.[1];
    await screen.until('it counts down', () => /in (.*?);/.exec(screen.text)?.[1] !== before);
    isLimited = false;
    screen.press('p');
    await screen.until('the second is done', () => /✅ b\.md completed/.test(screen.history));
    await shows(screen, /^ 1 completed · 1 running of 2$/m);
    bench.server.release('door');
    assert.equal(await screen.ended(), 0);
    assertTidy(screen);
    assert.match(screen.history, /Summary: 2 completed, 0 failed/);
    assert.deepEqual(await bench.leftovers(), []);
  },
);

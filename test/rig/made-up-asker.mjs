/**
 * The reporter of a run on a real terminal, told of a made-up run whose agents ask. An answer by key is answered by this terminal, a
 * moment later, as a run does it; `p` is somebody elsewhere who denies the oldest question, `q` ends it all.
 *
 *     node --import tsx made-up-asker.mjs '["npm test", "rm -rf \u001b[2K/"]'
 */
import { openRunReporter } from '../../src/report/run.ts';
import { openTerminal } from '../../src/report/terminal.ts';
import { answered, asks, ended, finished, started, succeeded } from '../report/rig.ts';

const commands = JSON.parse(process.argv[2] ?? '[]');
const reporter = openRunReporter({ detail: 'normal', json: false }, [], openTerminal(process.env));
const { emit } = reporter;
const open = commands.map((command, index) =>
  asks(`${index + 1}.md`, {
    claim: String(index).repeat(32),
    asked: { kind: 'command', command },
    reason: 'It has to be.',
    at: Date.now(),
  }),
);

/** Somebody has answered, and the agent goes on to its end. */
function settle(question, answer) {
  open.splice(open.indexOf(question), 1);
  emit(answered(question, answer));
  emit(ended(question.task.label, succeeded()));
}

emit(started(commands.length));
reporter.takeControls({
  answer: ({ label }, _, decision) =>
    setTimeout(
      () =>
        settle(
          open.find(({ task }) => task.label === label),
          { decision },
        ),
      50,
    ),
  togglePause: () =>
    settle(open[0], { decision: 'deny', by: { user: 'bob', host: 'desk', terminal: '/dev/pts/9', pid: 9 } }),
  changeConcurrency: () => {},
  drain: () => {
    emit(finished({ completed: commands.length }));
    void reporter.close(0).then(() => process.exit(0));
  },
});
for (const { task } of open)
  emit({ kind: 'attempt-started', task, attempt: 1, claim: 'c'.repeat(32), pid: 7 });
// The view is loaded first, as in life: an agent takes seconds before it asks anything.
setTimeout(() => open.forEach(emit), Number(process.env['ASK_AFTER_MS'] ?? 1_000));
setInterval(() => {}, 1_000);

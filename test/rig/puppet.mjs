#!/usr/bin/env node
/** The hand of `puppet.ts`: a Codex that does nothing by itself. It says who it is on $PUPPET_SOCKET and obeys. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const socket = connect(process.env.PUPPET_SOCKET);
const say = (message) => socket.write(`${JSON.stringify(message)}\n`);

const commands = {
  print: ({ text }) => new Promise((resolve) => process.stdout.write(text, resolve)),
  complain: ({ text }) => new Promise((resolve) => process.stderr.write(text, resolve)),
  ignore: ({ signals }) => {
    for (const signal of signals) process.on(signal, () => {});
  },
  /** In a session of its own, as Codex starts the commands of its agent; its output stays ours. */
  grandchild: () => spawn('sleep', ['300'], { detached: true, stdio: 'inherit' }).pid,
  exit: ({ code }) => process.exit(code),
};

const prompt = readFileSync(0, 'utf8');
say({
  pid: process.pid,
  args: process.argv.slice(2),
  claim: process.env.CODEX_WORKER_CLAIM,
  cwd: process.cwd(),
  prompt,
});
// The test is over, or gone: so are we, and nothing hangs on us.
socket.on('close', () => process.exit(99));
socket.on('error', () => process.exit(99));
for await (const line of createInterface({ input: socket })) {
  const { command, ...rest } = JSON.parse(line);
  say({ done: (await commands[command](rest)) ?? null });
}

#!/usr/bin/env node
/** The hand of `puppet.ts`: a Codex that does nothing by itself. It says who it is on $PUPPET_SOCKET and obeys. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { serve } from './puppet-server.mjs';

const args = process.argv.slice(2);
if (args[0] === '--version') {
  console.log('codex-cli 0.169.0');
  process.exit(0);
}
const socket = connect(process.env.PUPPET_SOCKET);
const say = (message) => socket.write(`${JSON.stringify(message)}\n`);
const write = (text) => new Promise((resolve) => process.stdout.write(text, resolve));

const server = args.includes('app-server') ? await serve(write) : undefined;
const commands = {
  print: ({ text }) => (server ? server.print(text) : write(text)),
  ask: (question) => server.ask(question, (told) => say({ told, id: question.id })),
  complain: ({ text }) => new Promise((resolve) => process.stderr.write(text, resolve)),
  ignore: ({ signals }) => {
    for (const signal of signals) process.on(signal, () => {});
    server?.ignoreEnd();
  },
  /** In a session of its own, as Codex starts the commands of its agent; its output stays ours. */
  grandchild: () => spawn('sleep', ['300'], { detached: true, stdio: 'inherit' }).pid,
  exit: ({ code }) => process.exit(code),
};

say({
  pid: process.pid,
  args,
  claim: process.env.CODEX_WORKER_CLAIM,
  cwd: process.cwd(),
  prompt: server ? server.prompt : readFileSync(0, 'utf8'),
  ...(server && { thread: server.thread }),
});
// The test is over, or gone: so are we, and nothing hangs on us.
socket.on('close', () => process.exit(99));
socket.on('error', () => process.exit(99));
for await (const line of createInterface({ input: socket })) {
  const { command, ...rest } = JSON.parse(line);
  say({ done: (await commands[command](rest)) ?? null });
}

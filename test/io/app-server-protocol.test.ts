/** What we say to the real Codex's app-server and read of it, against the types that this very Codex generates of its protocol. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { nativeCodex } from '../rig/codex-home.ts';
import { scratch } from '../rig/scratch.ts';
import { talk } from './app-server-talk.ts';

const run = promisify(execFile);
const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));

/** All that we read, as what it must be. */
const READ = `
import type { ServerNotification } from './types/ServerNotification';
import type { ServerRequest } from './types/ServerRequest';
import type { Thread, Turn, ThreadItem, ThreadTokenUsage, RateLimitSnapshot, FileUpdateChange } from './types/v2';
import type { CommandExecutionApprovalDecision, FileChangeApprovalDecision } from './types/v2';
import type { CommandExecutionRequestApprovalParams, FileChangeRequestApprovalParams } from './types/v2';
import type { ErrorNotification, TurnCompletedNotification, ServerRequestResolvedNotification } from './types/v2';

type Of<T extends ThreadItem['type']> = Extract<ThreadItem, { type: T }>;
declare const thread: Thread, turn: Turn, usage: ThreadTokenUsage, limits: RateLimitSnapshot, change: FileUpdateChange;
declare const asked: CommandExecutionRequestApprovalParams, patch: FileChangeRequestApprovalParams;
declare const failed: ErrorNotification, over: TurnCompletedNotification, resolved: ServerRequestResolvedNotification;
declare const message: Of<'agentMessage'>, command: Of<'commandExecution'>, files: Of<'fileChange'>, thought: Of<'reasoning'>;
declare const tool: Of<'mcpToolCall'>;

export const texts: (string | null | undefined)[] = [
  thread.id, turn.id, asked.command, asked.reason, asked.cwd, patch.itemId, patch.reason, patch.grantRoot,
  failed.error.message, message.id, message.text, command.id, command.command, command.aggregatedOutput,
  ...thought.summary, ...thought.content, tool.server, tool.tool, change.path, change.diff,
];
export const numbers: (number | null | undefined)[] = [
  usage.total.inputTokens, usage.total.cachedInputTokens, usage.total.outputTokens, command.exitCode,
  limits.primary?.usedPercent, limits.primary?.windowDurationMins, limits.primary?.resetsAt,
];
export const statuses: { [Word in typeof turn.status]: string } = {
  completed: 'read', failed: 'read', interrupted: 'read', inProgress: 'is no end',
};
export const runs: { [Word in typeof command.status]: string } = {
  inProgress: 'in_progress', completed: 'read', failed: 'read', declined: 'read',
};
export const kinds: { [Word in typeof change.kind.type]: string } = { add: 'read', delete: 'read', update: 'read' };
export const again: boolean = failed.willRetry;
export const settled: string | number = resolved.requestId;
export const changes: FileUpdateChange[] = files.changes;
export const plain: typeof asked.kind = 'command';
export const decisions: (CommandExecutionApprovalDecision & FileChangeApprovalDecision)[] = [
  'accept', 'acceptForSession', 'decline', 'cancel',
];
export const heard: ServerNotification['method'][] = [
  'thread/started', 'turn/started', 'item/started', 'item/completed', 'thread/tokenUsage/updated', 'account/rateLimits/updated',
  'serverRequest/resolved', 'error', 'warning', 'turn/completed',
];
/** Every request that there is: a new one must be looked at by a person before this test is green again. */
export const requests: { [Method in ServerRequest['method']]: 'asked' | 'refused' } = {
  'item/commandExecution/requestApproval': 'asked',
  'item/fileChange/requestApproval': 'asked',
  'item/tool/requestUserInput': 'refused',
  'mcpServer/elicitation/request': 'refused',
  'item/permissions/requestApproval': 'refused',
  'item/tool/call': 'refused',
  'account/chatgptAuthTokens/refresh': 'refused',
  'attestation/generate': 'refused',
  'currentTime/read': 'refused',
  applyPatchApproval: 'refused',
  execCommandApproval: 'refused',
};
`;

async function compile(t: TestContext, source: string): Promise<string> {
  const directory = scratch(t);
  const codexHome = scratch(t);
  await run(nativeCodex(), ['app-server', 'generate-ts', '--experimental', '--out', `${directory}/types`], {
    env: { ...process.env, CODEX_HOME: codexHome },
  });
  writeFileSync(`${directory}/check.ts`, source);
  writeFileSync(
    `${directory}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        module: 'esnext',
        moduleResolution: 'bundler',
        target: 'es2022',
        types: [],
      },
      files: ['check.ts'],
    }),
  );
  try {
    await run(tsc, ['-p', directory]);
    return '';
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  }
}

test('every message to app-server is one that it knows', async (t) => {
  const said = [
    ...talk({ thread: undefined }),
    ...talk({ thread: 'a-thread' }),
    ...talk({ policy: 'granular' }),
  ];
  const isRequest = (message: object) => 'id' in message && 'method' in message;
  const requests = said.filter(isRequest).map((message) => JSON.stringify(message));
  const methods = new Set(said.flatMap((message) => ('method' in message ? [message.method] : [])));
  assert.deepEqual([...methods].map(String).toSorted(), [
    'initialize',
    'initialized',
    'thread/backgroundTerminals/clean',
    'thread/resume',
    'thread/start',
    'turn/interrupt',
    'turn/start',
  ]);
  const source = `import type { ClientRequest } from './types/ClientRequest';\n${requests.map((text, i) => `export const m${i}: ClientRequest = ${text};`).join('\n')}\n`;
  assert.equal(await compile(t, source), '');
  // The same harness, with a message that is none.
  assert.match(await compile(t, source.replaceAll('"approvalPolicy"', '"approvalPolity"')), /error TS2322/);
});

test('what is read of app-server is what it says, and every question that it may ask is known', async (t) => {
  assert.equal(await compile(t, READ), '');
  assert.match(
    await compile(t, READ.replace('usage.total.inputTokens', 'usage.total.input_tokens')),
    /input_tokens/,
  );
  assert.match(
    await compile(t, READ.replace("  execCommandApproval: 'refused',\n", '')),
    /execCommandApproval/,
  );
});

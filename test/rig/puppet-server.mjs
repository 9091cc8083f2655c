/**
 * The puppet as `codex app-server`: JSON-RPC on stdin and stdout, in the shapes of Codex 0.169. Tests speak the language of
 * `codex exec --json` to it, and it says the same in that of the app-server, so that one test is true of both.
 */
import { createInterface } from 'node:readline';

const THREAD = 'puppet';
const IDS = { threadId: THREAD, turnId: 'turn' };
const turn = (status, error = null) => ({
  id: 'turn',
  rootTurnId: 'turn',
  items: [],
  itemsView: 'notLoaded',
  status,
  error,
  startedAt: null,
  completedAt: null,
  durationMs: null,
});
const errorOf = (message) => ({
  message,
  codexErrorInfo: 'other',
  additionalDetails: null,
  misalignment: null,
});

/** What a server says to `codex exec --json`'s item. */
function itemOf({ type, ...item }) {
  switch (type) {
    case 'agent_message':
      return { type: 'agentMessage', phase: null, memoryCitation: null, ...item };
    case 'reasoning':
      return { type: 'reasoning', id: item.id, summary: [item.text], content: [] };
    case 'command_execution':
      return commandItem(item.id, item.command, {
        aggregatedOutput: item.aggregated_output ?? null,
        exitCode: item.exit_code ?? null,
        status: item.status === 'in_progress' ? 'inProgress' : (item.status ?? 'completed'),
      });
    case 'file_change':
      return {
        type: 'fileChange',
        id: item.id,
        changes: item.changes.map(({ path, kind }) => ({
          path,
          kind: kind === 'update' ? { type: kind, move_path: null } : { type: kind },
          diff: '',
        })),
        status: item.status === 'in_progress' ? 'inProgress' : (item.status ?? 'completed'),
      };
    default:
      throw new Error(`the puppet's app-server has no word for the item ${type}`);
  }
}

const commandItem = (id, command, more) => ({
  type: 'commandExecution',
  id,
  command,
  cwd: process.cwd(),
  processId: null,
  source: 'agent',
  commandActions: [],
  durationMs: null,
  ...more,
});

const tokensOf = ({
  input_tokens: inputTokens = 0,
  cached_input_tokens: cachedInputTokens = 0,
  output_tokens: outputTokens = 0,
}) => ({
  totalTokens: inputTokens + outputTokens,
  inputTokens,
  cachedInputTokens,
  cacheWriteInputTokens: 0,
  outputTokens,
  reasoningOutputTokens: 0,
});

/** The notifications that say what this event says. */
function notificationsOf(event) {
  switch (event.type) {
    case 'thread.started':
      return []; // the answer to thread/start has said it
    case 'turn.started':
      return [['turn/started', { threadId: THREAD, turn: turn('inProgress') }]];
    case 'item.started':
    case 'item.completed': {
      const verb = event.type.slice('item.'.length);
      return [[`item/${verb}`, { item: itemOf(event.item), ...IDS, [`${verb}AtMs`]: 0 }]];
    }
    case 'turn.completed': {
      const tokens = tokensOf(event.usage);
      const tokenUsage = { total: tokens, last: tokens, modelContextWindow: null };
      return [
        ['thread/tokenUsage/updated', { ...IDS, tokenUsage }],
        ['turn/completed', { threadId: THREAD, turn: turn('completed') }],
      ];
    }
    case 'turn.failed': {
      const error = errorOf(event.error.message);
      return [
        ['error', { error, willRetry: false, ...IDS }],
        ['turn/completed', { threadId: THREAD, turn: turn('failed', error) }],
      ];
    }
    case 'error':
      return [['error', { error: errorOf(event.message), willRetry: true, ...IDS }]];
    default:
      throw new Error(`the puppet's app-server has no word for ${event.type}`);
  }
}

/**
 * Resolves when a turn is begun: `prompt` is its text, `thread` what the thread was begun with. It ends when its input does,
 * as the real one.
 */
export async function serve(write) {
  const say = (message) => write(`${JSON.stringify(message)}\n`);
  const notify = (method, params) => say({ method, params, emittedAtMs: 0 });
  /** Those that ask, by the id of their request. */
  const asking = new Map();
  let thread;
  let isDeaf = false;
  const { promise, resolve: begin } = promiseOf();

  const answers = {
    initialize: () => ({
      userAgent: 'puppet/0.169.0',
      codexHome: '/nowhere',
      platformFamily: 'unix',
      platformOs: 'linux',
    }),
    'thread/start': (params) => startThread(params),
    'thread/resume': (params) => startThread(params),
    'turn/start': () => ({ turn: turn('inProgress') }),
    'turn/interrupt': () => ({}),
    'thread/backgroundTerminals/clean': () => ({}),
  };
  const startThread = (params) => {
    thread = params;
    return {
      thread: { id: params.threadId ?? THREAD, path: null, status: { type: 'idle' }, turns: [] },
      model: 'puppet',
      cwd: params.cwd,
      approvalPolicy: params.approvalPolicy ?? 'never',
    };
  };

  async function receive({ id, method, params, result, error }) {
    if (method === undefined) {
      asking.get(id)?.(error === undefined ? result.decision : `error ${error.code}`);
      return;
    }
    if (id === undefined || (isDeaf && method === 'turn/interrupt')) return;
    const answer = answers[method];
    if (!answer) {
      await say({ id, error: { code: -32600, message: `Invalid request: unknown variant ${method}` } });
      return;
    }
    await say({ id, result: answer(params) });
    if (method === 'turn/start') {
      await notify('turn/started', { threadId: THREAD, turn: turn('inProgress') });
      begin(params.input[0].text);
    } else if (method === 'turn/interrupt')
      await notify('turn/completed', { threadId: THREAD, turn: turn('interrupted') });
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void receive(JSON.parse(line)));
  lines.on('close', () => isDeaf || process.exit(0));
  process.on('SIGTERM', () => isDeaf || process.exit(0));

  return {
    prompt: await promise,
    thread,
    ignoreEnd: () => (isDeaf = true),
    /** A line that is no JSON is printed as it is. */
    print: async (text) => {
      for (const line of text.split('\n').filter(Boolean)) {
        const event = parse(line);
        if (event?.type === undefined) await write(`${line}\n`);
        else for (const [method, params] of notificationsOf(event)) await notify(method, params);
      }
    },
    /** Asks, and calls `told` with the decision when there is one. */
    ask: async ({ id, item, request, params }, told) => {
      const isCommand = item.type === 'commandExecution';
      const itemId = `asks-${id}`;
      const whole = isCommand
        ? commandItem(itemId, item.command, { status: 'inProgress', aggregatedOutput: null, exitCode: null })
        : { ...item, id: itemId, status: 'inProgress' };
      const status = { type: 'active', activeFlags: ['waitingOnApproval'] };
      await notify('thread/status/changed', { threadId: THREAD, status });
      await notify('item/started', { item: whole, ...IDS, startedAtMs: 0 });
      asking.set(id, async (decision) => {
        asking.delete(id);
        told(decision);
        const isAccepted = String(decision).startsWith('accept');
        const after = { ...whole, status: isAccepted ? 'completed' : 'declined' };
        await notify('serverRequest/resolved', { threadId: THREAD, requestId: id });
        if (isCommand || decision !== 'cancel')
          await notify('item/completed', { item: after, ...IDS, completedAtMs: 0 });
        if (decision === 'cancel')
          await notify('turn/completed', { threadId: THREAD, turn: turn('interrupted') });
      });
      await say({
        method: request,
        id,
        params: { ...IDS, itemId, startedAtMs: 0, ...(isCommand && { cwd: process.cwd() }), ...params },
      });
    },
  };
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function promiseOf() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

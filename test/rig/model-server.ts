/**
 * A model on loopback, for the real Codex: as much of the OpenAI Responses API as it uses, with answers
 * from a script (`directives.ts`) instead of a mind. It needs no account and no network.
 *
 *     await using server = await startModelServer();
 *     const environment = await makeCodexHome(directory, server.url);
 *     … run Codex or codex-worker with { ...process.env, ...environment } …
 *     assert.equal(server.starts('Fix it.\n[[write a.txt: fixed]]'), 1);
 *
 * What it promises: every request is recorded before it is answered; a conversation counts as one start of its
 * prompt however often Codex repeats a request, and as one finish when the last answer has left; `close` ends every
 * open answer, also one that hangs.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { unreachable } from '../../src/core/unreachable.ts';
import { parseDirectives, type Directive, type HttpFailure } from './directives.ts';
import { nextStep, readConversation, type Conversation, type Pause, type Step } from './model-turn.ts';
import type { Blow, Spell, Weather } from './weather.ts';

/** What every answer costs, so that a test can add up a run. `cached` is part of `input`. */
export const TOKENS_PER_ANSWER = { input: 1200, cached: 800, output: 60 } as const;

export interface ModelServerOptions {
  /** From a prompt to what the model does; the default reads the directives in the prompt. It may throw. */
  readonly script?: (prompt: string) => readonly Directive[];
  /** Over all requests alike; fair by default. */
  readonly weather?: Weather;
}

interface ModelRequest {
  /** Wall clock, ms. */
  readonly at: number;
  /** One per Codex thread: two attempts at one task are two conversations. */
  readonly conversation: string;
  readonly prompt: string;
  readonly model: string;
  /** An Authorization header came with it. */
  readonly authorized: boolean;
  /** How many tool calls of this prompt were already made: 0 at the start. */
  readonly step: number;
  /** The names of the tools that Codex offered. */
  readonly tools: readonly string[];
  /** What it met in place of the model's answer. */
  readonly weather?: Spell['kind'];
}

/** An answer whose last byte has left: it costs `TOKENS_PER_ANSWER`, whether or not somebody was there to read it. */
interface ModelAnswer {
  readonly at: number;
  readonly conversation: string;
  readonly prompt: string;
  /** Whether it ended the turn, or asked for a tool. */
  readonly kind: 'finish' | 'call';
  readonly messages: readonly string[];
}

export interface ModelServer extends AsyncDisposable {
  /** For `base_url`, `/v1` included. */
  readonly url: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly ModelRequest[];
  /** Every answer so far that was sent to its end. */
  readonly answers: readonly ModelAnswer[];
  /** How many conversations began with this prompt (white space around it does not count). */
  starts(prompt: string): number;
  /** How many conversations with this prompt were answered to the end. */
  finishes(prompt: string): number;
  /** Every prompt seen, with its number of starts. */
  startsByPrompt(): Map<string, number>;
  /** The first request, past or to come, that matches; rejects after `withinMs` with the requests that did come. */
  request(matches: (request: ModelRequest) => boolean, withinMs?: number): Promise<ModelRequest>;
  /** Lets `[[hold gate]]` go on, whether it waits already or not yet. */
  release(gate: string): void;
  close(): Promise<void>;
}

export async function startModelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const model = new ScriptedModel(options);
  const server = createServer((request, response) => {
    model.answer(request, response).catch((error: unknown) => {
      // A client that was killed takes its connection with it; anything else is a bug of the rig, shown to Codex.
      if (!response.destroyed)
        refuse(response, 400, 'rig', error instanceof Error ? error.message : String(error));
    });
  });
  // Codex keeps a connection while a command runs; closed under its hands it would look like an outage.
  server.keepAliveTimeout = 10 * 60_000;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the model server has no port');

  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    model.abandon();
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://127.0.0.1:${address.port}/v1`,
    requests: model.requests,
    answers: model.answers,
    starts: (prompt) => model.started.get(prompt.trim())?.size ?? 0,
    finishes: (prompt) => model.finished.get(prompt.trim())?.size ?? 0,
    startsByPrompt: () =>
      new Map([...model.started].map(([prompt, conversations]) => [prompt, conversations.size])),
    request: (matches, withinMs = 30_000) => model.request(matches, withinMs),
    release: (gate) => model.gate(gate).open(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

class ScriptedModel {
  readonly requests: ModelRequest[] = [];
  readonly answers: ModelAnswer[] = [];
  readonly started = new Map<string, Set<string>>();
  readonly finished = new Map<string, Set<string>>();
  private readonly script: (prompt: string) => readonly Directive[];
  private readonly weather: Weather | undefined;
  private readonly failures = new Map<string, number>();
  private readonly gates = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>();
  private readonly listeners = new Set<() => void>();
  private readonly limits = new Map<string, string>();
  private readonly heard = new Set<string>();
  private readonly closing = new AbortController();
  private begun = 0;

  constructor({ script = parseDirectives, weather }: ModelServerOptions) {
    this.script = script;
    this.weather = weather;
  }

  abandon(): void {
    this.closing.abort();
  }

  gate(name: string): { readonly opened: Promise<void>; readonly open: () => void } {
    const known = this.gates.get(name);
    if (known) return known;
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const gate = { opened, open };
    this.gates.set(name, gate);
    return gate;
  }

  async request(matches: (request: ModelRequest) => boolean, withinMs: number): Promise<ModelRequest> {
    const found = () => this.requests.find(matches);
    const already = found();
    if (already) return already;
    return await new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.listeners.delete(look);
      };
      const look = () => {
        const request = found();
        if (!request) return;
        settle();
        resolve(request);
      };
      const timer = setTimeout(() => {
        settle();
        const seen = this.requests.map(
          ({ prompt, step }) => `step ${step} of ${JSON.stringify(prompt.slice(0, 80))}`,
        );
        reject(
          new Error(
            `no such request reached the model in ${withinMs} ms; it saw ${seen.join(', ') || 'none'}`,
          ),
        );
      }, withinMs);
      this.listeners.add(look);
    });
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || !request.url?.startsWith('/v1/responses')) {
      refuse(response, 404, 'not_found', `the model server has no ${request.method} ${request.url}`);
      return;
    }
    const conversation = readConversation(await bodyOf(request), (prompt) => this.script(prompt).length > 0);
    if (!conversation) {
      refuse(response, 400, 'invalid_request', 'the body is no request of the Responses API');
      return;
    }
    const met = this.weather?.next();
    this.record(conversation, request, met?.spell);
    const step = met ? struck(met.blow) : this.step(conversation);
    for (const [name, value] of this.limit(conversation, step)) response.setHeader(name, value);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    if (await this.pause(step.pauses, AbortSignal.any([gone.signal, this.closing.signal])))
      this.carryOut(step, conversation, response);
  }

  private step(conversation: Conversation): Step {
    const mayFail = (times: number) => this.fails(conversation, times);
    return nextStep(this.script(conversation.prompt), conversation, mayFail);
  }

  /** The headers that say how much of the account's limit is used: as the last script that spoke of it says. */
  private limit({ id, prompt }: Conversation, { used }: Step): Iterable<[string, string]> {
    used.forEach(({ percent, seconds }, n) => {
      // A script is read from its start with every request, but what it says is news only once.
      const saying = `${id} ${n} ${prompt}`;
      if (this.heard.has(saying)) return;
      this.heard.add(saying);
      this.limits
        .set('x-codex-primary-used-percent', String(percent))
        .set('x-codex-primary-window-minutes', '300')
        .set('x-codex-primary-reset-at', String(Math.floor(Date.now() / 1000) + seconds));
    });
    return this.limits;
  }

  private record(
    { id, prompt, model, outputs, tools }: Conversation,
    request: IncomingMessage,
    spell: Spell | undefined,
  ): void {
    remember(this.started, prompt, id);
    this.requests.push({
      at: Date.now(),
      conversation: id,
      prompt,
      model,
      authorized: request.headers.authorization !== undefined,
      step: outputs.length,
      tools,
      ...(spell && { weather: spell.kind }),
    });
    for (const look of this.listeners) look();
  }

  private fails({ prompt }: Conversation, times: number): boolean {
    const failed = this.failures.get(prompt) ?? 0;
    if (failed >= times) return false;
    this.failures.set(prompt, failed + 1);
    return true;
  }

  /** False when the client, or the server, went away meanwhile. */
  private async pause(pauses: readonly Pause[], signal: AbortSignal): Promise<boolean> {
    for (const pause of pauses) {
      if (signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const timer = pause.kind === 'sleep' ? setTimeout(resolve, pause.ms) : undefined;
        signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
        if (pause.kind === 'hold') void this.gate(pause.gate).opened.then(resolve);
      });
    }
    return !signal.aborted;
  }

  private carryOut(step: Step, { id, prompt, model }: Conversation, response: ServerResponse): void {
    const { act } = step;
    const answer = `resp_${(this.begun += 1)}`;
    switch (act.kind) {
      case 'http':
        fail(response, act, model);
        return;
      case 'hang':
        return;
      case 'stall':
        beginStream(response, answer);
        return;
      case 'cut':
        beginStream(response, answer);
        setImmediate(() => response.destroy());
        return;
      case 'fails-inside':
        beginStream(response, answer);
        send(response, 'response.failed', {
          response: { id: answer, status: 'failed', error: { code: act.code, message: act.message } },
        });
        response.end();
        return;
      case 'incomplete':
        beginStream(response, answer);
        send(response, 'response.incomplete', {
          response: { id: answer, status: 'incomplete', incomplete_details: { reason: act.reason } },
        });
        response.end();
        return;
      case 'nothing':
        beginStream(response, answer);
        send(response, 'response.completed', { response: { id: answer, usage: NOTHING_USED } });
        response.end();
        return;
      case 'call':
      case 'finish': {
        beginStream(response, answer);
        step.messages.forEach((text, n) => {
          const content = [{ type: 'output_text', text }];
          const item = { type: 'message', id: `msg_${answer}_${n}`, role: 'assistant', content };
          send(response, 'response.output_item.done', { output_index: n, item });
        });
        for (const [n, call] of act.kind === 'call' ? act.calls.entries() : [])
          send(response, 'response.output_item.done', {
            output_index: step.messages.length + n,
            item: { id: `item_${answer}_${n}`, call_id: `call_${answer}_${n}`, ...call },
          });
        response.once('finish', () => {
          this.answers.push({
            at: Date.now(),
            conversation: id,
            prompt,
            kind: act.kind,
            messages: step.messages,
          });
          if (act.kind === 'finish') remember(this.finished, prompt, id);
        });
        send(response, 'response.completed', { response: { id: answer, usage: USAGE } });
        response.end();
        return;
      }
      default:
        unreachable(act);
    }
  }
}

const struck = (blow: Blow): Step => ({ pauses: [], messages: [], used: [], act: blow });

function remember(conversations: Map<string, Set<string>>, prompt: string, id: string): void {
  const known = conversations.get(prompt);
  if (known) known.add(id);
  else conversations.set(prompt, new Set([id]));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

const USAGE = {
  input_tokens: TOKENS_PER_ANSWER.input,
  input_tokens_details: { cached_tokens: TOKENS_PER_ANSWER.cached },
  output_tokens: TOKENS_PER_ANSWER.output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: TOKENS_PER_ANSWER.input + TOKENS_PER_ANSWER.output,
};

const NOTHING_USED = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

function beginStream(response: ServerResponse, id: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  send(response, 'response.created', { response: { id, status: 'in_progress' } });
}

function send(response: ServerResponse, type: string, data: object): void {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
}

function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  more: object = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message, type: code, code, ...more } }));
}

/** Of a proxy on the way: prose, which speaks of everything. */
const PAGE =
  '<html><title>Not found</title> You’ve hit your usage limit; try again at 9:24 AM. Quota exceeded. Status 401, status 429. ' +
  'The model does not exist. Not logged in. cyber, invalid prompt, context window.</html>';

/** The bodies are those of the real service, as far as Codex reads them. */
function fail(response: ServerResponse, { status, reason, seconds }: HttpFailure, model: string): void {
  switch (reason ?? String(status)) {
    case '401':
      return refuse(response, 401, 'invalid_api_key', 'Incorrect API key provided: sk-test.');
    case '404':
    case 'model_not_found':
      return refuse(
        response,
        status,
        'model_not_found',
        `The model \`${model}\` does not exist or you do not have access to it.`,
      );
    case 'usage_limit':
      return refuse(response, status, 'usage_limit_reached', 'The usage limit has been reached', {
        plan_type: 'plus',
        resets_at: Math.floor(Date.now() / 1000) + (seconds ?? 3600),
      });
    case 'usage_limit_in':
      return refuse(response, status, 'usage_limit_reached', 'The usage limit has been reached', {
        plan_type: 'plus',
        resets_in_seconds: seconds ?? 3600,
      });
    case 'html':
      response.writeHead(status, { 'content-type': 'text/html' });
      response.end(PAGE);
      return;
    case 'usage_not_included':
    case 'insufficient_quota':
    case 'context_length_exceeded':
    case 'server_is_overloaded':
      return refuse(response, status, reason ?? '', `The server says ${reason}.`);
    case 'invalid_prompt':
      return refuse(
        response,
        status,
        'invalid_prompt',
        'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
      );
    case '429':
    case 'rate_limit':
      if (seconds !== undefined) response.setHeader('retry-after', seconds);
      return refuse(response, status, 'rate_limit_exceeded', 'Rate limit reached for requests.');
    default:
      return refuse(response, status, reason ?? 'server_error', `The server answered with ${status}.`);
  }
}

/**
 * The conversation with one `codex app-server`, which does one turn of one thread for us and is then sent away: JSON-RPC, one
 * object a line, without the member `jsonrpc`; its ids and ours are numbered apart. What it reports goes to the listener that
 * hears exec as well.
 *
 *     initialize → initialized → thread/start or thread/resume → turn/start → … → turn/completed → end of its input
 *
 * It asks before it does what its policy does not allow, and waits for ever. Whatever it asks that we do not know is refused
 * at once: then it goes on without. The end of its input ends it, and what its commands have started.
 */
import type { Policy } from '../core/backend.ts';
import type { Asked, Decision, FileChange } from '../core/question.ts';
import type { AgentEvent } from './agent-event.ts';
import { execEvents, execUsage, fieldsOf, listOf, textOf } from './app-server-words.ts';
import type { CodexSettings } from './codex-arguments.ts';
import type { CodexListener } from './codex-listener.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Of its own requests. */
export type RequestId = number | string;

/** What it wants to be allowed. */
export interface ServerQuestion {
  readonly id: RequestId;
  readonly asked: Asked;
  readonly workingDirectory: string;
  readonly reason?: string;
}

/** What is to be said to it. */
export interface TurnRequest {
  readonly settings: CodexSettings;
  readonly policy: Policy;
  /** To be continued. */
  readonly thread?: string | undefined;
  readonly message: string;
  readonly version: string;
}

export interface ServerPorts {
  /** One line, without its end. */
  readonly send: (line: string) => void;
  /** Nothing more will be said: closes its input. */
  readonly hangUp: () => void;
  readonly ask: (question: ServerQuestion) => void;
  /** It no longer needs an answer. */
  readonly settled: (id: RequestId) => void;
  /** Whether it may go on, where its sandbox lets an agent write in these directories beside its own. */
  readonly mayWriteIn: (roots: readonly string[]) => boolean;
  /** The limits of the account, as it says them. */
  readonly limits: (limits: unknown) => void;
}

/** Long, and of no use: what is in them comes again in `item/completed`. */
const UNHEARD = [
  'item/agentMessage/delta',
  'item/commandExecution/outputDelta',
  'item/fileChange/outputDelta',
  'item/fileChange/patchUpdated',
  'item/reasoning/summaryTextDelta',
  'item/reasoning/summaryPartAdded',
  'item/reasoning/textDelta',
  'item/plan/delta',
  'turn/diff/updated',
];

/** Codex no longer has the word, but the thing: to ask when a command has failed in the sandbox. */
const ON_FAILURE = {
  granular: {
    sandbox_approval: true,
    rules: true,
    skill_approval: true,
    request_permissions: true,
    mcp_elicitations: true,
  },
};

const DECIDED: Readonly<Record<Decision, string>> = {
  approve: 'accept',
  'approve-session': 'acceptForSession',
  deny: 'decline',
  stop: 'cancel',
};

/** Until it has begun the turn; usually a third of a second. */
const BEGINS_WITHIN_MS = 120_000;
/** JSON-RPC's "method not found". */
const NOT_FOUND = -32_601;
const CAN_BE_ASKED: ReadonlySet<unknown> = new Set(['commandExecution', 'fileChange']);
/** Of items that have begun: more are never open at once. */
const MOST_OPEN = 100;

export class AppServer {
  /** Its turn was ended by an answer that stops it, or by us. */
  isInterrupted = false;
  readonly #request: TurnRequest;
  readonly #heard: CodexListener;
  readonly #ports: ServerPorts;
  readonly #answers = new Map<RequestId, (result: Fields) => void>();
  /** Commands and file changes that have begun: a question names them by the id of their item. */
  readonly #items = new Map<string, Fields>();
  readonly #asked = new Set<RequestId>();
  #lastId = 0;
  #patience: NodeJS.Timeout | undefined;
  #thread: string | undefined;
  #turn: string | undefined;
  #isOver = false;
  #cleaned: () => void = () => {};

  constructor(request: TurnRequest, heard: CodexListener, ports: ServerPorts) {
    this.#request = request;
    this.#heard = heard;
    this.#ports = ports;
  }

  begin(): void {
    const { version } = this.#request;
    this.#patience = setTimeout(
      () => this.#failed(`app-server said nothing for ${BEGINS_WITHIN_MS / 1_000} s`),
      BEGINS_WITHIN_MS,
    );
    this.#patience.unref();
    this.#call(
      'initialize',
      {
        clientInfo: { name: 'codex-worker', title: 'codex-worker', version },
        capabilities: {
          experimentalApi: true,
          requestAttestation: false,
          optOutNotificationMethods: UNHEARD,
        },
      },
      () => this.#openThread(),
    );
  }

  /** One line of its output, whatever it is; the events in it. */
  line(text: string): AgentEvent[] {
    const message = parse(text);
    if (!message) return text.trim() === '' ? [] : this.#heard.output(text);
    this.#heard.spokeJson = true;
    const { id, method } = message;
    const params = fieldsOf(message['params']);
    if (typeof method === 'string')
      return isRequestId(id) ? this.#requested(id, method, params) : this.#notified(method, params);
    return isRequestId(id) ? this.#answered(id, message) : [];
  }

  /** What was decided about what it asked. */
  decide(id: RequestId, decision: Decision): void {
    if (this.#asked.delete(id)) this.#say({ id, result: { decision: DECIDED[decision] } });
  }

  /** Ends the turn and what its commands have left running, then its input. Resolves when it has had the time to. */
  async end(patienceMs: number): Promise<void> {
    if (this.#thread !== undefined && !this.#isOver) {
      if (this.#turn !== undefined)
        this.#call('turn/interrupt', { threadId: this.#thread, turnId: this.#turn }, () => {});
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        this.#cleaned = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#call('thread/backgroundTerminals/clean', { threadId: this.#thread }, () => this.#cleaned());
      });
    }
    this.#hangUp();
  }

  #openThread(): void {
    const { settings, policy, thread } = this.#request;
    const { mode, model, workingDirectory } = settings;
    this.#say({ method: 'initialized' });
    const params = {
      cwd: workingDirectory,
      sandbox: mode,
      approvalPolicy: policy === 'granular' ? ON_FAILURE : policy,
      ...(model === 'inherit' ? {} : { model }),
    };
    const opened = ({ thread: found, sandbox }: Fields) => {
      const roots = fieldsOf(sandbox)['writableRoots'];
      const isFine = this.#ports.mayWriteIn(
        Array.isArray(roots) ? roots.filter((root) => typeof root === 'string') : [],
      );
      if (isFine) this.#opened(textOf(fieldsOf(found)['id']));
      else this.#hangUp();
    };
    if (thread === undefined) this.#call('thread/start', params, opened);
    else this.#call('thread/resume', { threadId: thread, ...params }, opened);
  }

  #opened(thread: string | undefined): void {
    if (thread === undefined) return this.#failed('app-server began a thread without an id');
    this.#thread = thread;
    this.#heard.event({ type: 'thread.started', thread_id: thread });
    if (this.#request.thread !== undefined && thread !== this.#request.thread) return this.#hangUp(); // it knows nothing of the task
    const input = [{ type: 'text', text: this.#request.message, text_elements: [] }];
    this.#call('turn/start', { threadId: thread, input }, ({ turn }) => {
      clearTimeout(this.#patience);
      this.#turn ??= textOf(fieldsOf(turn)['id']);
    });
  }

  #notified(method: string, params: Fields): AgentEvent[] {
    const item = fieldsOf(params['item']);
    const isOurs = params['threadId'] === undefined || params['threadId'] === this.#thread;
    if (!isOurs && !method.startsWith('item/')) return []; // an agent that ours has begun
    switch (method) {
      case 'thread/started':
        return []; // said by the answer to our request
      case 'turn/started':
        this.#turn = textOf(fieldsOf(params['turn'])['id']);
        break;
      case 'item/started':
        if (CAN_BE_ASKED.has(item['type']) && this.#items.size < MOST_OPEN)
          this.#items.set(textOf(item['id']) ?? '', item);
        break;
      case 'item/completed':
        this.#items.delete(textOf(item['id']) ?? '');
        break;
      case 'thread/tokenUsage/updated':
        this.#heard.spent(execUsage(params));
        return [];
      case 'account/rateLimits/updated':
        this.#ports.limits(params['rateLimits']);
        return [];
      case 'serverRequest/resolved': {
        const id = params['requestId'];
        if (isRequestId(id)) this.#settle(id);
        return [];
      }
      case 'error':
        this.#heard.errorInfo = fieldsOf(params['error'])['codexErrorInfo'];
        break;
      case 'turn/completed':
        return this.#turnOver(fieldsOf(params['turn']));
    }
    return execEvents(method, params).flatMap((event) => this.#heard.event(event));
  }

  #turnOver({ status, error }: Fields): AgentEvent[] {
    const hangUp = (events: AgentEvent[]) => {
      for (const id of this.#asked) this.#settle(id);
      this.#hangUp();
      return events;
    };
    if (status === 'completed') return hangUp(this.#heard.event({ type: 'turn.completed' }));
    if (status === 'interrupted') {
      this.isInterrupted = true;
      return hangUp([]);
    }
    const { message, codexErrorInfo } = fieldsOf(error);
    this.#heard.errorInfo = codexErrorInfo ?? this.#heard.errorInfo;
    return hangUp(this.#heard.event({ type: 'turn.failed', error: { message: textOf(message) ?? '' } }));
  }

  #requested(id: RequestId, method: string, params: Fields): AgentEvent[] {
    // What comes after the end, or twice, has no answer: an attempt would wait for a person with nothing to come of it.
    if (this.#isOver || this.#asked.has(id)) return [];
    const question = this.#questionIn(id, method, params);
    if (question) {
      this.#asked.add(id);
      this.#ports.ask(question);
      return [];
    }
    this.#say({ id, error: { code: NOT_FOUND, message: `codex-worker does not answer ${method}` } });
    this.#heard.warn(`Codex asked for ${method}, which nobody here can answer`);
    return [];
  }

  #questionIn(id: RequestId, method: string, params: Fields): ServerQuestion | undefined {
    const reason = textOf(params['reason']);
    const said = reason === undefined ? {} : { reason };
    const { workingDirectory } = this.#request.settings;
    const item = this.#items.get(textOf(params['itemId']) ?? '') ?? {};
    if (method === 'item/commandExecution/requestApproval') {
      const command = textOf(params['command']) ?? textOf(item['command']); // 0.80 says it there only
      // A network, the input of a command that runs, more permissions: a person would not see what is asked.
      const isPlain = params['kind'] === undefined || params['kind'] === 'command';
      const more = params['networkApprovalContext'] ?? params['additionalPermissions'];
      if (command === undefined || !isPlain || (more !== undefined && more !== null)) return undefined;
      return {
        id,
        asked: { kind: 'command', command },
        workingDirectory: textOf(params['cwd']) ?? textOf(item['cwd']) ?? workingDirectory,
        ...said,
      };
    }
    if (method !== 'item/fileChange/requestApproval') return undefined;
    const changes = listOf(item['changes']).map(changeOf);
    if (changes.length === 0) return undefined; // what cannot be shown cannot be approved
    const grantRoot = textOf(params['grantRoot']);
    return {
      id,
      asked: { kind: 'file-changes', changes, ...(grantRoot === undefined ? {} : { grantRoot }) },
      workingDirectory,
      ...said,
    };
  }

  #settle(id: RequestId): void {
    if (this.#asked.delete(id)) this.#ports.settled(id);
  }

  #answered(id: RequestId, { result, error }: Fields): AgentEvent[] {
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    if (!answer) return [];
    if (error === undefined) answer(fieldsOf(result));
    else if (this.#turn === undefined) this.#failed(textOf(fieldsOf(error)['message']) ?? 'it said no');
    else this.#cleaned(); // what it could not end, the end of its input does
    return [];
  }

  /** It would not begin. */
  #failed(message: string): void {
    this.#heard.startFailed = message;
    this.#hangUp();
  }

  #hangUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#patience);
    this.#ports.hangUp();
  }

  #call(method: string, params: object, answered: (result: Fields) => void): void {
    const id = ++this.#lastId;
    this.#answers.set(id, answered);
    this.#say({ id, method, params });
  }

  #say(message: object): void {
    // A lone surrogate would make it a line that is not even answered.
    if (!this.#isOver)
      this.#ports.send(
        JSON.stringify(message, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value)),
      );
  }
}

function changeOf(change: Fields): FileChange {
  const kind = fieldsOf(change['kind']);
  const movedTo = textOf(kind['move_path']);
  return {
    path: textOf(change['path']) ?? '',
    change: kind['type'] === 'add' || kind['type'] === 'delete' ? kind['type'] : 'update',
    ...(movedTo === undefined ? {} : { movedTo }),
    diff: textOf(change['diff']) ?? '',
  };
}

const isRequestId = (id: unknown): id is RequestId => typeof id === 'number' || typeof id === 'string';

function parse(text: string): Fields | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const message = fieldsOf(JSON.parse(text));
    return typeof message['method'] === 'string' || isRequestId(message['id']) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The thread that a line of its output says it has begun or continued. */
export function threadIn(line: string): string | undefined {
  const message = parse(line);
  if (message?.['method'] !== 'thread/started') return undefined;
  return textOf(fieldsOf(fieldsOf(message['params'])['thread'])['id']);
}

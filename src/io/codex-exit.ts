/** What the end of Codex means. */
import { classOf } from '../core/codex-error-info.ts';
import { classify, classifyStart, limitedUntil } from '../core/codex-words.ts';
import type { FailureClass } from '../core/failure-class.ts';
import type { EnvironmentProblem, Failure, Limit } from '../core/failure.ts';
import { NO_USAGE, type Usage } from '../core/outcome.ts';
import { headline } from '../core/printable.ts';
import { resetOf } from '../core/rate-limits.ts';
import { unreachable } from '../core/unreachable.ts';
import { GATE_NAME } from './child.ts';
import type { CodexCommand } from './codex-command.ts';
import type { CodexListener } from './codex-listener.ts';

export type Judgement =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'limited'; readonly limit: Limit }
  | { readonly kind: 'environment'; readonly problem: EnvironmentProblem };

/** What the end of a child that we did not end ourselves means; `model` and `codex` are for the sentence about it. */
export function judgeExit(
  exit:
    | { readonly kind: 'exited'; readonly code: number }
    | { readonly kind: 'signalled'; readonly signal: string },
  heard: CodexListener,
  {
    model,
    codex,
    now,
    spentBefore = NO_USAGE,
    mustSpeak = false,
  }: {
    readonly model: string;
    readonly codex: CodexCommand;
    readonly now: Date;
    /** In the thread, where it is continued. */
    readonly spentBefore?: Usage | undefined;
    /** It is an app-server: what is silent has done nothing. */
    readonly mustSpeak?: boolean;
  },
): Judgement {
  const isOver = heard.turnCompleted || heard.turnFailed !== undefined || heard.startFailed !== undefined;
  const saidAll = mustSpeak && isOver; // a server that would not go then was ended for that
  if (exit.kind === 'signalled' && !saidAll) return failed({ kind: 'signalled', signal: exit.signal });
  const code = exit.kind === 'exited' ? exit.code : 0;
  if (code === 0 && heard.didNothing(spentBefore))
    return { kind: 'limited', limit: { class: 'limited', message: DID_NOTHING } };
  if (code === 0 && (heard.turnCompleted || !(heard.spokeJson || mustSpeak))) return { kind: 'succeeded' };
  if (heard.startFailed !== undefined) return judgeStart(heard.startFailed, { model, now, heard });
  if (code === 0 && heard.turnFailed === undefined) return failed({ kind: 'no-terminal-event' });
  const message = headline(heard.complaint, 400);
  const hasSpoken = heard.spokeJson || codex.isCodex; // else it is a command of the user's own: its prose means nothing
  if (!heard.spokeJson && heard.stderrTail.startsWith(GATE_NAME))
    return stopped({
      kind: 'codex-not-started',
      command: codex.command,
      errno: message.replace(/^.*?: (?:\d+: )?(?:exec: )?/, ''),
    });
  const isUsage = /^error: /m.test(heard.stderrTail) && /Usage: codex/.test(heard.stderrTail);
  if (!heard.spokeJson && hasSpoken && code === 2 && isUsage)
    return stopped({ kind: 'bad-invocation', message });
  if (heard.turnFailed !== undefined)
    return judgeClass(
      classOf(heard.errorInfo, message) ?? classify(message),
      message,
      { model, now, heard },
      (kind) => ({
        kind: 'turn-failed',
        message,
        class: kind,
      }),
    );
  const ofStart = hasSpoken && !heard.turnBegan ? classifyStart(message) : 'unknown';
  return judgeClass(ofStart, message, { model, now, heard }, (kind) => ({
    kind: 'exited-nonzero',
    code,
    message,
    class: kind,
  }));
}

const DID_NOTHING = 'Codex completed a turn without a word and without a token, as it does at a limit';

interface Context {
  readonly model: string;
  readonly now: Date;
  readonly heard: Pick<CodexListener, 'limits'>;
}

/** App-server would not begin the thread, or its turn. */
function judgeStart(message: string, context: Context): Judgement {
  if (/^(?:Invalid (?:request|params)|failed to load configuration)\b/.test(message))
    return stopped({ kind: 'bad-invocation', message: headline(message, 400) });
  const ofStart = classifyStart(message);
  return judgeClass(
    ofStart === 'unknown' ? classify(message) : ofStart,
    headline(message, 400),
    context,
    (kind) => ({
      kind: 'turn-failed',
      message: headline(message, 400),
      class: kind,
    }),
  );
}

const failed = (failure: Failure): Judgement => ({ kind: 'failed', failure });
const stopped = (problem: EnvironmentProblem): Judgement => ({ kind: 'environment', problem });

/** What is wrong with the machine or the account rather than with the task stops the run; a limit pauses it. */
function judgeClass(
  of: FailureClass,
  message: string,
  { model, now, heard }: Context,
  asFailure: (of: FailureClass) => Failure,
): Judgement {
  switch (of) {
    case 'limited':
    case 'rate-limited': {
      const exact = heard.limits && resetOf(heard.limits);
      const until = (of === 'limited' ? exact : undefined) ?? limitedUntil(message, now);
      return {
        kind: 'limited',
        limit: { class: of, message, ...(until === undefined ? {} : { until }) },
      };
    }
    case 'auth':
      return stopped({ kind: 'not-logged-in', message });
    case 'quota':
    case 'sandbox-unusable':
      return stopped({ kind: of, message });
    case 'model-refused':
      return stopped({ kind: of, model, message });
    case 'transient':
    case 'network':
    case 'context-exceeded':
    case 'invalid-input':
    case 'thread-lost':
    case 'permanent':
    case 'unknown':
      return failed(asFailure(of));
    default:
      return unreachable(of);
  }
}

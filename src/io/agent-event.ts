/** What the agent does, as the log and the live view are told of it. */
import type { AgentActivity } from '../core/event.ts';
import { headline } from '../core/printable.ts';
import { describeAnswer, questionHeadline } from '../core/question-text.ts';
import type { Answer, Question } from '../core/question.ts';
import { unreachable } from '../core/unreachable.ts';

/** What the agent did, in our words. Texts are raw: whoever shows them makes them printable. */
export type AgentEvent =
  | { readonly kind: 'command-started'; readonly command: string }
  | {
      readonly kind: 'command-ended';
      readonly command: string;
      readonly exitCode: number | undefined;
      readonly status: string;
      readonly output: string;
    }
  | {
      readonly kind: 'file-change';
      readonly changes: readonly { path: string; change: string }[];
      readonly failed: boolean;
    }
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'error'; readonly message: string }
  /** It waits for a person; `lines` are all of what is asked. */
  | { readonly kind: 'question'; readonly question: Question; readonly lines: readonly string[] }
  | { readonly kind: 'answered'; readonly question: Question; readonly answer: Answer }
  /** An item of a type that we do not render in its own way. */
  | { readonly kind: 'other'; readonly type: string; readonly text: string }
  /** A line that is no Codex event: a command of the user's own speaks. */
  | { readonly kind: 'output'; readonly text: string };

/** The same for the live view: one printable line. */
export function activityOf(event: AgentEvent): AgentActivity {
  switch (event.kind) {
    case 'command-started':
    case 'command-ended':
      return { kind: 'command', text: headline(event.command, 120) };
    case 'file-change':
      return { kind: 'file-change', text: headline(event.changes.map(({ path }) => path).join(', '), 120) };
    case 'message':
    case 'reasoning':
      return { kind: event.kind, text: headline(event.text, 120) };
    case 'error':
      return { kind: 'error', text: headline(event.message, 120) };
    case 'question':
      return { kind: 'other', text: headline(`asks: ${questionHeadline(event.question)}`, 120) };
    case 'answered':
      return { kind: 'other', text: headline(describeAnswer(event.answer), 120) };
    case 'other':
      return { kind: 'other', text: headline(`${event.type} ${event.text}`, 120) };
    case 'output':
      return { kind: 'other', text: headline(event.text, 120) };
    default:
      return unreachable(event);
  }
}

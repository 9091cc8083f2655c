/**
 * What app-server says of a turn that failed, in a type of its own (`codexErrorInfo`), which is surer than its words. Exec
 * says only the words (`codex-words.ts`). The types are those of `codex app-server generate-ts` of 0.169.
 */
import { classify } from './codex-words.ts';
import type { FailureClass } from './failure-class.ts';

const WORDS: Readonly<Record<string, FailureClass>> = {
  rateLimitExceeded: 'rate-limited',
  contextWindowExceeded: 'context-exceeded',
  modelNotFound: 'model-refused',
  serverOverloaded: 'transient',
  flexUnavailable: 'transient',
  policyCapacityUnavailable: 'transient',
  internalServerError: 'transient',
  unauthorized: 'auth',
  cyberPolicy: 'permanent',
  misalignmentPolicyViolation: 'permanent',
  tooManyDenials: 'permanent',
};

/** The class of a failure whose type says it; `undefined` where its words have to. */
export function classOf(info: unknown, message: string): FailureClass | undefined {
  // Of an account without money it says the same, and money is not what comes back by itself.
  if (info === 'usageLimitExceeded') return classify(message) === 'quota' ? 'quota' : 'limited';
  if (typeof info === 'string') return Object.hasOwn(WORDS, info) ? WORDS[info] : undefined;
  const [[name, details] = []] = Object.entries(typeof info === 'object' && info !== null ? info : {});
  if (name === undefined || !/^(?:httpConnection|responseStream|responseTooMany)/.test(name))
    return undefined;
  const status: unknown = (details as { httpStatusCode?: unknown } | null)?.httpStatusCode;
  if (typeof status !== 'number') return undefined;
  if (status === 401 || status === 403) return 'auth';
  if (status === 429) return 'rate-limited';
  return status >= 500 ? 'transient' : undefined;
}

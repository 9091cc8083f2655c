/** Who answers from here: what stands in an answer, and in the journal. It proves nothing. */
import { readlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isatty } from 'node:tty';
import type { ProcessIdentity } from '../core/claim.ts';
import { isSystemError } from '../core/errors.ts';
import type { Answerer } from '../core/question.ts';

export function thisAnswerer({ host, pid }: ProcessIdentity): Answerer {
  const terminal = terminalName();
  return { user: userName(), host: host.name, ...(terminal !== undefined && { terminal }), pid };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `uid ${process.getuid?.() ?? 'unknown'}`; // a container whose user has no entry
  }
}

/** The device of the terminal that the person types at; only Linux says it without a process. */
function terminalName(): string | undefined {
  if (!isatty(0)) return undefined;
  try {
    return readlinkSync('/proc/self/fd/0');
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

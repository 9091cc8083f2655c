/**
 * What can be wrong after faults and one calm run:
 *   lost     a task, a task file, a log or a result is not there, or not what it was
 *   twice    two agents on one task at once, or an agent on a task that is durably completed
 *   double   more than one result, or a result that holds not exactly one claim's output
 *   hung     something did not end, or a task is held without a reason that was named
 *   left     a process, a lock, a right, a running log, a mirror or a temporary file stays behind
 *   lied     the exit code, the summary or a message is not true; a file outside was touched; anything else
 */
export const VIOLATION_KINDS = ['lost', 'twice', 'double', 'hung', 'left', 'lied'] as const;
export type ViolationKind = (typeof VIOLATION_KINDS)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

export const violation = (kind: ViolationKind, what: string): Violation => ({ kind, what });

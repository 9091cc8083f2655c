/** Which of Codex's two ways to be run an agent gets, and what Codex is told of approvals. */
import type { RunOptions } from './options.ts';

/** `exec` never asks anybody anything. */
export type Backend = 'exec' | 'app-server';

/** What Codex calls an approval policy; not every version knows each of them. */
export type Policy = 'never' | 'on-request' | 'untrusted' | 'on-failure' | 'granular';

export interface HowAgentsRun {
  readonly backend: Backend;
  readonly policy: Policy;
  /** What of the approvals that were asked for cannot be had, as a sentence. */
  readonly note?: string;
}

/** From this version on it begins threads, and asks: 0.47 does not know `thread/start`, 0.80 does. */
const SPEAKS_FROM = [0, 80];
/**
 * `on-failure` asks to repeat outside of the sandbox what failed in it. 0.80 does so. 0.120 knows the word, does not ask, and
 * writes a patch outside of the workspace all the same; 0.145 no longer knows it. There `granular` does it, and asks what
 * `on-request` asks as well.
 */
const ON_FAILURE_BEFORE = [0, 81];
const GRANULAR_FROM = [0, 145];

const NO_TERMINAL =
  'nobody can be asked without a terminal (--approvals queue leaves questions for codex-worker approve)';

/**
 * `version` is what `codex --version` printed, or the name of a command of the user's own; `canAnswer` says whether a person
 * can be asked here.
 */
export function chooseBackend(
  { backend: asked, approval, approvals }: Pick<RunOptions, 'backend' | 'approval' | 'approvals'>,
  { version, canAnswer }: { readonly version: string; readonly canAnswer: boolean },
): HowAgentsRun {
  const isAnswered = canAnswer || approvals === 'queue';
  const asks = approval !== 'never' && isAnswered;
  const wants = asked === 'app-server' || (asked === 'auto' && asks);
  const found = versionIn(version);
  if (wants && (!found || isBefore(found, SPEAKS_FROM))) {
    const why = found
      ? `Codex ${found.join('.')} has no app-server that asks; it takes 0.80`
      : `${version} is no Codex that is known to have an app-server`;
    return { backend: 'exec', policy: 'never', ...declined(approval, why) };
  }
  if (!wants) {
    const why = asked === 'exec' ? '--backend exec cannot ask anybody' : NO_TERMINAL;
    return { backend: 'exec', policy: 'never', ...declined(approval, why) };
  }
  if (!asks) return { backend: 'app-server', policy: 'never', ...declined(approval, NO_TERMINAL) };
  if (approval !== 'on-failure' || !found || isBefore(found, ON_FAILURE_BEFORE))
    return { backend: 'app-server', policy: approval };
  const policy = isBefore(found, GRANULAR_FROM) ? 'on-request' : 'granular';
  const note = `approval on-failure: Codex ${found.join('.')} does not do what it says; it is told ${policy}, which is the nearest`;
  return { backend: 'app-server', policy, note };
}

function declined(approval: Policy, why: string): Pick<HowAgentsRun, 'note'> {
  return approval === 'never'
    ? {}
    : { note: `approval ${approval}: ${why}, so what needs approval is declined` };
}

/** `codex-cli 0.169.0` → [0, 169, 0]. */
function versionIn(text: string): readonly number[] | undefined {
  const [, ...parts] = /^codex(?:-cli)? (\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return parts.length === 3 ? parts.map(Number) : undefined;
}

function isBefore(version: readonly number[], [major = 0, minor = 0]: readonly number[]): boolean {
  const [ofMajor = 0, ofMinor = 0] = version;
  return ofMajor < major || (ofMajor === major && ofMinor < minor);
}

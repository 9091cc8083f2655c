/** Environment variables that look like ours and are none: what somebody meant to set, and has not. */
import { NO_SETTINGS } from './config-file.ts';
import { nearest } from './options.ts';
import { SETTING_NAMES, variableOf } from './settings.ts';

export interface MisspeltVariable {
  readonly variable: string;
  /** A variable; or `--trust-tasks`, which is an option only. */
  readonly meant: string;
}

const PREFIX = 'CODEX_WORKER_';
/** What a run sets itself, for its agents, checks and notifications. */
const NOT_SETTINGS = 'CLAIM TASK NOTIFICATION EVENT TEXT DIRECTORY COMPLETED FAILED LEFT EXIT_CODE'.split(
  ' ',
);

/** Those that come near to one of ours: what is unlike all of them may be anybody's. */
export function misspeltVariables(env: NodeJS.ProcessEnv): MisspeltVariable[] {
  const settings = SETTING_NAMES.map((name) => variableOf(name).slice(PREFIX.length));
  const known = new Set([...settings, ...NOT_SETTINGS]);
  return Object.keys(env).flatMap((variable) => {
    const name = variable.slice(PREFIX.length);
    if (!variable.startsWith(PREFIX) || !env[variable] || known.has(name)) return [];
    const option = name.toLowerCase().replaceAll('_', '-');
    if (NO_SETTINGS.has(option)) return [{ variable, meant: `--${option}` }];
    const meant = nearest(name, settings);
    return meant === undefined ? [] : [{ variable, meant: PREFIX + meant }];
  });
}

/** The end of the sentence "<variable> is no setting; …". */
export function whatWasMeant({ meant }: MisspeltVariable): string {
  return meant.startsWith('--') ? `${meant} is an option only` : `did you mean ${meant}?`;
}

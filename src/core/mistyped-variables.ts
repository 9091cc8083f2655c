/** Environment variables that look like ours and are none: what somebody meant to set, and has not. */
import { nearest } from './options.ts';
import { SETTING_NAMES, variableOf } from './settings.ts';

const PREFIX = 'CODEX_WORKER_';
/** What a run sets itself, for its agents, checks and notifications. */
const NOT_SETTINGS = 'CLAIM TASK NOTIFICATION EVENT TEXT DIRECTORY COMPLETED FAILED LEFT EXIT_CODE'.split(
  ' ',
);

/** A sentence for each. One that is like none of ours is taken for somebody's own. */
export function mistypedVariables(env: NodeJS.ProcessEnv): string[] {
  const settings = SETTING_NAMES.map((name) => variableOf(name).slice(PREFIX.length));
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length))
    .filter((name) => !settings.includes(name) && !NOT_SETTINGS.includes(name))
    .flatMap((name) => {
      const meant = nearest(name, settings);
      const isSet = `the environment has ${PREFIX}${name}, which means nothing here`;
      return meant === undefined ? [] : [`${isSet}; did you mean ${PREFIX}${meant}?`];
    });
}

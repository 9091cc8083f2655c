/** What `config` tells: every setting as a run would have it, and where its value comes from. */
import { misspeltVariables, type MisspeltVariable } from './misspelt-variables.ts';
import { targetLabel } from './notification.ts';
import type { RunInvocation } from './requests.ts';
import { SETTING_NAMES, settingRow, variableOf, type SettingName, type SettingValues } from './settings.ts';

export interface EffectiveSetting {
  /** `trust-tasks` is an option only. */
  readonly name: SettingName | 'trust-tasks';
  /** A list for what is repeatable; `null` where nothing holds. */
  readonly value: string | number | boolean | readonly string[] | null;
  /** What people read for `null`. */
  readonly unset: string;
  readonly source: 'option' | 'environment' | 'file' | 'default';
  /** The variable, or file:line:column. */
  readonly at?: string;
}

export interface ConfigReport {
  readonly file?: string;
  readonly settings: readonly EffectiveSetting[];
  /** Variables that look like those of settings, and are none. */
  readonly misspelt: readonly MisspeltVariable[];
}

export function configReport(
  { settings, options }: Pick<RunInvocation, 'settings' | 'options'>,
  env: NodeJS.ProcessEnv,
): ConfigReport {
  const { values, sources, texts, file } = settings;
  const effective = SETTING_NAMES.map((name): EffectiveSetting => {
    const source = sources[name];
    const { kind, unset = 'none' } = settingRow(name);
    const isPlain = kind === 'flag' || kind === 'number';
    const said = { flag: values[name] as boolean, number: values[name] as number };
    const at =
      source.kind === 'file'
        ? `${source.file.label}:${source.at}`
        : source.kind === 'environment' && variableOf(name);
    return {
      name,
      value: isPlain
        ? (said[kind] ?? null)
        : shownValue(name, texts[name], { ...values, cd: options.workingDirectory }),
      unset,
      source: source.kind,
      ...(at && { at }),
    };
  });
  const trust: EffectiveSetting = {
    name: 'trust-tasks',
    value: options.trustTasks,
    unset: 'none',
    source: options.trustTasks ? 'option' : 'default',
  };
  return {
    settings: [...effective, trust],
    misspelt: misspeltVariables(env),
    ...(file && { file: file.label }),
  };
}

/** As it was said, but for what may be secret: of Codex's own settings the keys, of an address where it is. */
function shownValue(
  name: SettingName,
  texts: readonly string[],
  { cd, notify }: Pick<SettingValues, 'cd' | 'notify'>,
): EffectiveSetting['value'] {
  if (name === 'cd') return cd ?? null;
  if (texts.length === 0) return null;
  if (name === 'notify') return notify.map(targetLabel);
  if (name === 'codex-config') return texts.map((text) => text.replace(/=[^]*$/, '=…'));
  return settingRow(name).kind === 'texts' ? texts : (texts[0] ?? null);
}

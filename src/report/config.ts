/** What `config` says: a line for each setting, or one JSON document. */
import type { ConfigReport, EffectiveSetting } from '../core/effective.ts';
import { whatWasMeant } from '../core/misspelt-variables.ts';
import { printable, shellQuoted } from '../core/printable.ts';
import { columnsOf, padEnd } from './columns.ts';
import type { Paint } from './console.ts';
import { safeJson } from './json.ts';

export function configText({ file, settings, misspelt }: ConfigReport, paint: Paint): string {
  const rows = settings.map((setting) => [setting, setting.name, valueText(setting)] as const);
  const names = Math.max(...rows.map(([, name]) => columnsOf(name)));
  // A long command must not push what stands behind every other value out of sight.
  const values = Math.min(36, Math.max(...rows.map(([, , value]) => columnsOf(value))));
  const lines = rows.map(([setting, name, value]) => {
    const line = `${padEnd(name, names)}  ${padEnd(value, values)}  ${printable(setting.at ?? setting.source)}`;
    return setting.source === 'default' ? paint.dim(line) : line;
  });
  lines.push('', file === undefined ? 'no config file' : `config file: ${printable(file)}`);
  for (const found of misspelt)
    lines.push(`${paint.yellow(printable(found.variable))} is no setting; ${whatWasMeant(found)}`);
  return `${lines.join('\n')}\n`;
}

function valueText({ value, unset }: EffectiveSetting): string {
  if (value === null) return unset;
  return [value]
    .flat()
    .map((one) => printable(typeof one === 'string' ? shellQuoted(one) : String(one)))
    .join(' ');
}

export function configJson({ file, settings, misspelt }: ConfigReport): string {
  const each = settings.map(({ name, value, source, at }) => [name, { value, source, at }] as const);
  return `${safeJson({ file: file ?? null, settings: Object.fromEntries(each), misspelt }, 2)}\n`;
}

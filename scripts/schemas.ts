/** JSON Schemas for editors, of the config file and of the front matter of tasks, from the tables that the program reads them by. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { SETTING_NAMES, settingRow, type SettingName } from '../src/core/settings.ts';
import { TASK_SETTINGS } from '../src/core/task-settings.ts';

const DIRECTORY = fileURLToPath(new URL('../schemas', import.meta.url));
const HOME = 'https://raw.githubusercontent.com/yigitkonur/codex-worker/main/schemas';

type Properties = Readonly<Record<string, unknown>>;

/** Each schema by the name of its file. */
export async function schemaTexts(): Promise<ReadonlyMap<string, string>> {
  const config = schema('config.schema.json', 'Settings of codex-worker: .codex-worker.yaml or .json', {
    $schema: { type: 'string', description: 'For editors' },
    ...Object.fromEntries(SETTING_NAMES.map((name) => [name, settingProperty(name)])),
  });
  const task = schema(
    'task.schema.json',
    'Front matter of a task of codex-worker',
    Object.fromEntries(
      [...TASK_SETTINGS].map(([name, { schema: own, description }]) => [name, { description, ...own }]),
    ),
  );
  const texts = new Map<string, string>();
  for (const [name, document] of [config, task])
    texts.set(name, await format(JSON.stringify(document), { parser: 'json', printWidth: 110 }));
  return texts;
}

function schema(name: string, title: string, properties: Properties): readonly [string, Properties] {
  const document = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: `${HOME}/${name}`,
    title,
    type: 'object',
    additionalProperties: false,
    properties,
  };
  return [name, document];
}

function settingProperty(name: SettingName): Properties {
  const { schema: own, description, described, kind, default: byDefault } = settingRow(name);
  const isText = kind !== 'flag' && kind !== 'number';
  return {
    description: described ?? description,
    ...own,
    ...(byDefault !== undefined && { default: isText ? byDefault : JSON.parse(byDefault) }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(DIRECTORY, { recursive: true });
  for (const [name, text] of await schemaTexts()) writeFileSync(path.join(DIRECTORY, name), text);
}

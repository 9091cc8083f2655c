/** What `--help` shows, as pages for a terminal of 80 columns. */
import { COMMAND_TABLE, type CommandName } from '../core/command-table.ts';
import { HELP_ABOUT, HELP_ENVIRONMENT, HELP_EXIT_CODES, HELP_KEYS } from '../core/command-table.ts';

export interface HelpSection {
  title?: string;
  body: string;
}

/** Examples are lines to be copied, and stay whole up to 100 columns; all else is wrapped at so many. */
const COLUMNS = 80;

/** The sections that cac has made, put right; `command` is `undefined` for the page of the program itself. */
export function helpPage(sections: readonly HelpSection[], command: CommandName | undefined): HelpSection[] {
  const [, ...rest] = sections.filter(({ title }) => !title?.startsWith('For more info'));
  const tidied = rest.map(({ title, body }) => ({
    ...(title !== undefined && { title }),
    // cac gives every negated option a default, and every option without one a blank.
    body: title === 'Examples' ? body : columnsWrapped(body.replaceAll(/ \(default: true\)| +$/gm, '')),
  }));
  if (command !== undefined) return [{ body: wrapped(COMMAND_TABLE[command].summary, '') }, ...tidied];
  return [
    { body: wrapped(HELP_ABOUT, '') },
    ...tidied,
    { title: 'Keys of a run, on a terminal', body: columnsWrapped(HELP_KEYS) },
    { title: 'Environment', body: columnsWrapped(HELP_ENVIRONMENT) },
    { title: 'Exit codes', body: HELP_EXIT_CODES },
    { body: 'codex-worker help <command> shows the options and examples of a command.' },
  ];
}

/** Lines of two columns, the second of which is wrapped in its own place. */
function columnsWrapped(body: string): string {
  return body.replaceAll(/^( +\S+(?: \S+)*  +)(\S.*)$/gm, (line: string, first: string, second: string) =>
    line.length <= COLUMNS ? line : `${first}${wrapped(second, ' '.repeat(first.length))}`,
  );
}

/** `text` that begins behind `indent` columns, in lines that fit. */
function wrapped(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent.length + longer.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join(`\n${indent}`);
}

/**
 * What the TAB key offers behind `codex-worker …`. The words come from a command line that is still being typed: nothing of
 * them is evaluated, and what is not there or cannot be read is simply not offered.
 */
import { RootCommand } from '@bomb.sh/tab';
import { resolve } from 'node:path';
import { optionSpec, parseArguments } from '../core/arguments.ts';
import { COMMAND_TABLE, COMMANDS, type CommandName, type OptionRow } from '../core/command-table.ts';
import { SHELLS, type Completions, type Offer } from '../core/completions.ts';
import { DEFAULT_MODEL } from '../core/options.ts';
import { printable } from '../core/printable.ts';
import { idOf } from '../core/question.ts';
import { questionHeadline } from '../core/question-text.ts';
import { Marks, stateOf } from '../core/task.ts';
import { listIfThere, realFiles } from '../io/files.ts';
import { completeAsking } from './approvals.ts';
import { completeTask } from './task-names.ts';

/** Where the values of an option are found, by what `--help` calls them; what is not here is the user's own to think of. */
const VALUES: Readonly<
  Record<string, readonly string[] | 'files' | 'directories' | 'tasks in progress' | 'questions'>
> = {
  '<name>': [DEFAULT_MODEL, 'inherit'],
  '<dir>': 'directories',
  '<file>': 'files',
  '<command>': 'files',
  '<url|command>': ['bell'],
  '<task>': 'tasks in progress',
  '<id>': 'questions',
};

/** A directory may hold 100,000 tasks, and nobody reads a longer list. */
const MOST_NAMES = 200;

/** The last of `words`, which are without quotes, is being typed; `codex-worker` stood before them. */
export async function complete(words: readonly string[], cwd: string): Promise<Completions> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { command, paths } = commandIn(before);
  const isOver = before.includes('--'); // behind it there are paths only
  const matcher = new Matcher(command, paths.length === 0 && !before.includes(command));
  const { offers, asked } = isOver ? NOTHING : matcher.match(before.at(-1), current);
  if (asked) return valuesOf(asked, current, paths, cwd);
  if (current.startsWith('-') && !isOver) return { offers, shellAdds: 'nothing' };
  if (command === 'logs' && before.includes(command)) return logsOf(current, cwd);
  if (command === 'approve' || command === 'deny')
    if (before.includes(command)) return paths.length === 0 ? tasksThatAsk(current, cwd) : NOTHING_MORE;
  const tasks = command === 'retry' ? await tasksIn('failed', current, [], cwd) : [];
  return {
    offers: [...offers, ...tasks.map((value) => ({ value, description: '' }))],
    shellAdds: COMMAND_TABLE[command].takesPaths ? 'files' : 'nothing',
  };
}

const NOTHING_MORE: Completions = { offers: [], shellAdds: 'nothing' };
const NOTHING = { offers: [], asked: undefined } as const;

const specsOf = (name: CommandName) =>
  COMMAND_TABLE[name].options.map(({ flags, repeatable }) => ({
    ...optionSpec(flags, repeatable),
    of: name,
  }));

/** Which command these words are for, and the paths among them. */
function commandIn(words: readonly string[]): { command: CommandName; paths: readonly string[] } {
  const all = COMMANDS.flatMap(specsOf);
  for (const command of COMMANDS) {
    const { args } = parseArguments(words, specsOf(command), all);
    if (args[0] === command) return { command, paths: args.slice(1) };
  }
  return { command: 'run', paths: parseArguments(words, specsOf('run'), all).args };
}

/** What every command takes besides its own. */
const EVERYWHERE: readonly OptionRow[] = [
  { flags: '-v, --verbose', description: 'Say more' },
  { flags: '-h, --help', description: 'Display this message' },
];

/** The names of one command's options and arguments, and which of them is being typed. */
// @ts-expect-error -- `complete` is private in the library's types, which is why its version is pinned to 0.0.22
class Matcher extends RootCommand {
  /** As they are typed. */
  readonly #names = new Set<string>();
  /** The option whose value is being typed. */
  #asked: OptionRow | undefined;

  constructor(name: CommandName, isFirst: boolean) {
    super();
    for (const row of [...COMMAND_TABLE[name].options, ...EVERYWHERE]) {
      const { long, short, takesValue } = optionSpec(row.flags);
      const ask = () => void (this.#asked = row);
      if (takesValue) this.option(long, row.description, ask, short);
      else this.option(long, row.description, short);
      this.#names.add(`--${long}`).add(`-${short}`);
    }
    if (isFirst) for (const command of COMMANDS) this.command(command, COMMAND_TABLE[command].summary);
    if (name === 'complete')
      this.argument('shell', (offer) => SHELLS.forEach((shell) => offer(shell, `The script for ${shell}`)));
  }

  /** Only the word before decides, and only where it is an option and nothing else: the library takes `-c4` for one that is asking. */
  match(before: string | undefined, current: string): { offers: Offer[]; asked: OptionRow | undefined } {
    const asking = before !== undefined && this.#names.has(before) ? [before] : [];
    this.parse([...asking, current === '-' ? '--' : current]);
    const offers = this.completions.map(({ value, description = '' }) => ({ value, description }));
    return { offers: offers.filter(({ value }) => value.startsWith(current)), asked: this.#asked };
  }

  /** Prints, in the library, what `match` returns. */
  override complete(): void {}
}

/** What the option may be set to, as whole words: `--mode=read-only` where that is how it is being typed. */
async function valuesOf(
  row: OptionRow,
  current: string,
  paths: readonly string[],
  cwd: string,
): Promise<Completions> {
  const [inline = ''] = /^--[\w-]+=/.exec(current) ?? [];
  const typed = current.slice(inline.length);
  const values = row.values ?? VALUES[/<.+>/.exec(row.flags)?.[0] ?? ''] ?? [];
  if (values === 'files' || values === 'directories') return { offers: [], shellAdds: values };
  if (values === 'questions') return questionsOf(inline, paths[0], cwd);
  const names = values === 'tasks in progress' ? await tasksIn('in-progress', typed, paths, cwd) : values;
  const offers = names
    .filter((name) => name.startsWith(typed))
    .map((value) => ({ value: inline + value, description: '' }));
  return { offers, shellAdds: 'nothing' };
}

/** A log is asked for by the name of its task, whose own file may be gone. */
async function logsOf(typed: string, cwd: string): Promise<Completions> {
  const tasks = await completeTask(typed, cwd).catch(() => []);
  const offers = few(tasks.filter((task) => printable(task) === task));
  return { offers: offers.map((value) => ({ value, description: '' })), shellAdds: 'directories' };
}

/** With what they ask. */
async function tasksThatAsk(typed: string, cwd: string): Promise<Completions> {
  const asked = new Map<string, string>();
  for (const { task, question } of await completeAsking(typed, cwd).catch(() => []))
    if (task.label.startsWith(typed) && printable(task.label) === task.label)
      asked.set(task.label, questionHeadline(question, SHOWN_OF_A_QUESTION));
  const offers = few([...asked.keys()]).map((value) => ({ value, description: asked.get(value) ?? '' }));
  return { offers, shellAdds: 'directories' };
}

/** What stands beside the questions of a task that was typed already; behind its name, or the beginning of it. */
async function questionsOf(inline: string, task: string | undefined, cwd: string): Promise<Completions> {
  const asking = task === undefined ? [] : await completeAsking(task, cwd).catch(() => []);
  const offers = asking
    .filter(({ task: { label } }) => label === task || label.replace(/\.[^./]*$/, '') === task)
    .map(({ question }) => ({
      value: inline + idOf(question),
      description: questionHeadline(question, SHOWN_OF_A_QUESTION),
    }));
  return { offers: offers.slice(0, MOST_NAMES), shellAdds: 'nothing' };
}

const SHOWN_OF_A_QUESTION = 60;

/** The tasks in one state, as commands take them: `tasks/fix.md` says where to look, as a path beside it does. */
async function tasksIn(
  state: 'in-progress' | 'failed',
  typed: string,
  paths: readonly string[],
  cwd: string,
): Promise<string[]> {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  const tasks: string[] = [];
  for (const path of folder === '' && paths.length > 0 ? paths : [folder]) {
    const marks = Marks.of(await listIfThere(realFiles, resolve(cwd, path)).catch(() => []));
    const marked = state === 'in-progress' ? marks.locked : marks.failed;
    for (const task of marked)
      // What begins with a dash would be an option.
      if (stateOf(task, marks) === state)
        tasks.push(folder === '' && task.startsWith('-') ? `./${task}` : folder + task);
  }
  return few(tasks.filter((task) => task.startsWith(typed) && printable(task) === task));
}

/** The last stays as well: so what they all begin with is what all of them began with, and no shell completes too much. */
function few(names: readonly string[]): string[] {
  const sorted = [...names].sort();
  return sorted.length <= MOST_NAMES ? sorted : [...sorted.slice(0, MOST_NAMES - 1), ...sorted.slice(-1)];
}

/** Every command and option as it is typed, with what `--help` says about it. The reading of the values is in `requests.ts`. */
import { DEFAULT_INTERVAL } from './options.ts';
import { flagsOf, SETTING_NAMES, settingRow, type SettingName } from './settings.ts';

export const COMMANDS = [
  'run',
  'status',
  'list',
  'logs',
  'retry',
  'report',
  'pause',
  'resume',
  'approvals',
  'approve',
  'deny',
  'clean',
  'reset',
  'config',
  'doctor',
  'complete',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** `flags` is in the notation of cac: `-m, --model <name>`. */
export interface OptionRow {
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  readonly repeatable?: true;
  /** All that it may be. */
  readonly values?: readonly string[];
}

export interface CommandRow {
  readonly usage: string;
  readonly summary: string;
  readonly takesPaths: boolean;
  /** The one word that it takes instead. */
  readonly argument?: string;
  readonly options: readonly OptionRow[];
  readonly examples: readonly string[];
}

/** A setting of a run as the option that it is. */
function settingOption(name: SettingName): OptionRow {
  const { description, kind, default: byDefault, unset, schema } = settingRow(name);
  const { enum: values } = schema as { readonly enum?: readonly string[] };
  const shown = kind === 'flag' ? undefined : (byDefault ?? unset);
  return {
    flags: flagsOf(name),
    description,
    ...(shown !== undefined && { default: shown }),
    ...(kind === 'texts' && { repeatable: true }),
    ...(values && { values }),
  };
}

const PATTERN = settingOption('pattern');
const CONFIG_FILE: readonly OptionRow[] = [
  {
    flags: '--config <file>',
    description: 'The config file',
    default: 'the nearest .codex-worker.yaml or .json',
  },
  { flags: '--no-config', description: 'None at all' },
];
const DRY_RUN: OptionRow = { flags: '--dry-run', description: 'Show what would be done, and do nothing' };

const MATCH: OptionRow = {
  flags: '--match <text>',
  description: 'What failed with these words in its reason; upper and lower case are the same',
};

const RUN: CommandRow = {
  usage: '[run] [paths…] [options]',
  summary:
    'Work through task files with the Codex CLI: in parallel, from any number of terminals, through crashes.',
  takesPaths: true,
  options: [
    { flags: '--dry-run', description: 'Show what would be run, and with what; run nothing' },
    ...SETTING_NAMES.map(settingOption),
    {
      flags: '--trust-tasks',
      description:
        'Grant what tasks ask for themselves: a higher mode, a cwd outside of --cd, a verify command',
    },
    ...CONFIG_FILE,
    { flags: '-y, --yes', description: 'Do not ask before --mode danger-full-access' },
    { flags: '-q, --quiet', description: 'Print only failures and the summary' },
    { flags: '-o, --output-json <file>', description: 'Write the results of this run to a file, as JSON' },
    {
      flags: '--report <file>',
      description: 'Write a report at the end: .html, .xml (JUnit) or .json; repeatable',
      repeatable: true,
    },
    { flags: '--json', description: 'Print the events of this run as JSON lines' },
  ],
  examples: [
    'codex-worker                                         every *.md here; agents may only read',
    'codex-worker tasks/ -c 8 --mode workspace-write      eight at once, which may edit files here',
    'codex-worker bug-*.md -c 5 -r 2 -t 30m               two retries; half an hour for an attempt',
    'codex-worker tasks/ --dry-run                        show what would be run',
    'codex-worker tasks/ -C ../app -m inherit             in ../app, with the model Codex is set to',
    'codex-worker tasks/ -o results.json                  also a file with the results, for a script',
    'codex-worker tasks/ --notify https://ntfy.sh/mine    post the end, a pause, a stop',
    'Start it again after an interruption, or in a second terminal: done work is never repeated.',
  ],
};

const STATUS: CommandRow = {
  usage: 'status [paths…] [options]',
  summary: 'Count the tasks by state. Reads only, and works while others run.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    { flags: '--detailed', description: 'A line for each task: who runs it, or why it failed' },
    { flags: '--json', description: 'Print everything as one JSON document; docs/json.md has its fields' },
    { flags: '--watch', description: 'Go on until Ctrl-C: in place, or in a pipe once for each change' },
    { flags: '--interval <duration>', description: 'Look again so often', default: DEFAULT_INTERVAL },
  ],
  examples: [
    'codex-worker status                                  the table for the current directory',
    'codex-worker status tasks/ --detailed                which task failed, and why',
    'codex-worker status tasks/ --watch                   who works on what, as it changes',
    "codex-worker status tasks/ --json | jq '.counts'     for a script",
  ],
};

/** What a retry has decided already. */
const NOT_OF_A_RETRY = /--(?:no-retry-failed|rerun-|dry-run)/;

const RETRY: CommandRow = {
  usage: 'retry [paths…] [--failed] [--match <text>] [options of run]',
  summary:
    'Run what failed, and nothing else: all of it, or what --match says. Otherwise as run, which also takes what is pending; ' +
    'reset --failed only makes it pending again. Earlier logs are kept.',
  takesPaths: true,
  options: [
    { flags: '--failed', description: 'All that failed; this is what it takes unless you say less' },
    MATCH,
    DRY_RUN,
    ...RUN.options.filter(({ flags }) => !NOT_OF_A_RETRY.test(flags)),
  ],
  examples: [
    'codex-worker retry --failed -c 4                     all that failed here, four at once',
    "codex-worker retry tasks/ --match 'timed out' -t 1h  what ran out of time, with more of it",
    'codex-worker retry fix-auth.md -m o4                 one task, with another model',
    "codex-worker retry --match 'npm test' --dry-run      which tasks that would be",
  ],
};

const REPORT: CommandRow = {
  usage: 'report [paths…] [options]',
  summary: 'What became of every task: one page to look at, or files for programs. Reads only.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    { flags: '--html <file>', description: 'One page that stands alone: no network, dark and light' },
    { flags: '--junit <file>', description: 'JUnit XML, as CI servers show it' },
    { flags: '--json <file>', description: 'Everything, as one JSON document; - is standard output' },
  ],
  examples: [
    'codex-worker report tasks/                           a few lines: counts, tokens, why tasks failed',
    'codex-worker report tasks/ --html report.html        the page; it is readable by its owner only',
    "codex-worker report tasks/ --json - | jq '.failures'",
  ],
};

const LIST: CommandRow = {
  usage: 'list [paths…] [options]',
  summary: 'Print the tasks, one on a line; in a pipe only their paths. Reads only.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    { flags: '--failed', description: 'Those that failed; on a terminal with the reason' },
    { flags: '--pending', description: 'Those that nobody has begun, or that were given back' },
    { flags: '--in-progress', description: 'Those that somebody works on' },
    { flags: '--completed', description: 'Those that are done' },
    MATCH,
    { flags: '--by-reason', description: 'What failed alike together, and how many' },
    {
      flags: '-0, --null',
      description: 'End each path with a zero byte: for xargs -0, and names of every kind',
    },
    { flags: '--json', description: 'A JSON document on each line' },
  ],
  examples: [
    'codex-worker list tasks/ --failed --by-reason        what went wrong, and how often',
    "codex-worker list --failed --match 'npm test'        what failed for it",
    'codex-worker list --failed -0 | xargs -0 grep -l TODO',
    'codex-worker list --json | jq -r \'select(.state == "pending").task\'',
  ],
};

const LOGS: CommandRow = {
  usage: 'logs <task>… [options]',
  summary: 'Show what the agent of a task did, now or before. The .md of its name may be left out.',
  takesPaths: true,
  options: [
    {
      flags: '-f, --follow',
      description: 'Go on until the task has a result; 0 when it is completed, 1 when it failed',
    },
    {
      flags: '--attempt <n>',
      description: 'Of this attempt, also of one that was put aside',
      default: 'the last',
    },
    { flags: '-n, --lines <n>', description: 'Begin with the last n lines', default: 'all' },
    { flags: '--raw', description: 'What Codex printed: its events, as JSON lines' },
  ],
  examples: [
    'codex-worker logs fix-auth                           what the agent of fix-auth.md did',
    'codex-worker logs tasks/fix-auth.md -f -n 20         watch it, until it has a result',
    'codex-worker logs fix-auth --attempt 1               its first attempt, when there were more',
    "codex-worker logs fix-auth --raw | jq -r '.item.text // empty'",
  ],
};

const PAUSE: CommandRow = {
  usage: 'pause [paths…] [options]',
  summary: 'Let nobody start another agent in these directories, from any terminal. What is on goes on.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    { flags: '--for <duration>', description: 'Over after so long', default: 'until resume' },
    { flags: '--until <time>', description: 'Over then: 07:30' },
    { flags: '--reason <text>', description: 'What the others are told' },
  ],
  examples: [
    'codex-worker pause                                   until codex-worker resume',
    'codex-worker pause tasks/ --for 2h                   the runs wait, then go on by themselves',
    "codex-worker pause tasks/ --until 07:30 --reason 'the build machine is needed'",
  ],
};

const RESUME: CommandRow = {
  usage: 'resume [paths…] [options]',
  summary: 'End a pause, whoever made it: a person, or a usage limit that was met.',
  takesPaths: true,
  options: [PATTERN, ...CONFIG_FILE],
  examples: [
    'codex-worker resume                                  every run that waits here goes on',
    'codex-worker resume tasks/                           the same for those on tasks/',
    "codex-worker resume tasks/ -p '**/*.md'              and on the directories below it",
  ],
};

const QUESTION: OptionRow = {
  flags: '--question <id>',
  description: 'This one, by the six digits beside it',
  default: 'the only one that is open',
};

const APPROVALS: CommandRow = {
  usage: 'approvals [paths…] [options]',
  summary:
    'Show what agents ask before they go on, each with the commands that answer it. Reads only, but for --interactive.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    {
      flags: '--interactive',
      description: 'One question after another, also those that come, answered by a key; on a terminal',
    },
    { flags: '--json', description: 'Print everything as one JSON document; docs/json.md has its fields' },
  ],
  examples: [
    'codex-worker approvals                               what is asked in the current directory',
    'codex-worker approvals tasks/ --interactive          answer it by keys, and wait for more',
    "codex-worker approvals --json | jq -r '.questions[].commands.deny'",
  ],
};

const APPROVE: CommandRow = {
  usage: 'approve <task> [options]',
  summary:
    'Let an agent do what it asks. All of it is shown first, on a terminal. 0: it was approved; 1: too late, or answered already.',
  takesPaths: false,
  argument: 'task',
  options: [
    { flags: '--session', description: 'And the same again without asking, until its session ends' },
    QUESTION,
    { flags: '-y, --yes', description: 'Do not show it and ask; --question then takes the whole digest' },
  ],
  examples: [
    'codex-worker approve fix-auth.md                     what fix-auth.md asks, after a look at it',
    'codex-worker approve fix-auth --question 4f2a91      this question and no other',
    'codex-worker approve fix-auth.md --session           and the same again in its session',
  ],
};

const DENY: CommandRow = {
  usage: 'deny <task> [options]',
  summary:
    'Refuse what an agent asks: it is told so, and goes on without. 0: it was denied; 1: too late, or answered already.',
  takesPaths: false,
  argument: 'task',
  options: [
    {
      flags: '--stop',
      description: 'And end its attempt: the task has failed, and this run does not retry it',
    },
    QUESTION,
  ],
  examples: [
    'codex-worker deny fix-auth.md                        the agent looks for another way',
    'codex-worker deny fix-auth.md --stop                 it does not',
    'codex-worker deny tasks/fix-auth.md --question 4f2a91',
  ],
};

const CLEAN: CommandRow = {
  usage: 'clean [paths…] [options]',
  summary: 'Put right what dead workers left behind. A task that a living worker holds is left alone.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    {
      flags: '--max-age <duration>',
      description: 'Also take locks of other hosts, and damaged ones, that are older',
    },
    {
      flags: '--kill <task>',
      description: 'Kill the worker on this machine that holds the task; asks first',
    },
    { flags: '--force <task>', description: 'Remove a lock file that nobody can read; asks first' },
    { flags: '--all', description: 'Also remove the logs of earlier attempts' },
    { flags: '-y, --yes', description: 'Do not ask' },
    DRY_RUN,
  ],
  examples: [
    'codex-worker clean                                   after a crash (every run does this too)',
    'codex-worker clean --max-age 3600                    and what another host left for an hour',
    'codex-worker clean tasks/ --dry-run                  show what would be done',
    'codex-worker clean tasks/ --kill fix-auth.md         end the worker that holds fix-auth.md',
  ],
};

const RESET: CommandRow = {
  usage: 'reset [paths…] [options]',
  summary: 'Make completed and failed tasks pending again. Logs are moved aside, never deleted. Asks first.',
  takesPaths: true,
  options: [
    PATTERN,
    ...CONFIG_FILE,
    { flags: '--failed', description: 'Only the failed ones' },
    { flags: '--force', description: 'Do not ask' },
    { flags: '--kill', description: 'Also the running ones: kill their workers on this machine first' },
    DRY_RUN,
  ],
  examples: [
    'codex-worker reset                                   all tasks of this directory, after a question',
    'codex-worker reset tasks/ --failed                   only what failed',
    'codex-worker reset tasks/ --force                    without the question',
  ],
};

const CONFIG: CommandRow = {
  usage: 'config [paths…] [options of run]',
  summary: 'Show every setting as a run with the same options would have it, and where it comes from.',
  takesPaths: true,
  options: RUN.options.map((option) =>
    option.flags === '--json' ? { ...option, description: 'Print them as one JSON document' } : option,
  ),
  examples: [
    'codex-worker config                                  what a run here would have',
    'codex-worker config tasks/ -c 8 --no-verify          what this command line would mean',
    "codex-worker config tasks/ --json | jq '.settings.model'",
  ],
};

const DOCTOR: CommandRow = {
  usage: 'doctor [options]',
  summary: 'Check whether a run would work here, and say what to do where it would not.',
  takesPaths: false,
  options: [settingOption('model'), ...CONFIG_FILE],
  examples: [
    'codex-worker doctor                                  before the first run',
    'codex-worker doctor -m inherit                       with the model that Codex is set to',
    'cd tasks && codex-worker doctor                      whether the disk of tasks/ is fit for it',
  ],
};

const COMPLETE: CommandRow = {
  usage: 'complete <bash|zsh|fish>',
  summary: 'Print the script that lets the TAB key complete commands, options, values and tasks.',
  takesPaths: false,
  argument: 'shell',
  options: [],
  examples: [
    'source <(codex-worker complete bash)                 in ~/.bashrc',
    'source <(codex-worker complete zsh)                  in ~/.zshrc, after compinit',
    'codex-worker complete fish > ~/.config/fish/completions/codex-worker.fish',
  ],
};

export const COMMAND_TABLE: Readonly<Record<CommandName, CommandRow>> = {
  run: RUN,
  status: STATUS,
  list: LIST,
  logs: LOGS,
  retry: RETRY,
  report: REPORT,
  pause: PAUSE,
  resume: RESUME,
  approvals: APPROVALS,
  approve: APPROVE,
  deny: DENY,
  clean: CLEAN,
  reset: RESET,
  config: CONFIG,
  doctor: DOCTOR,
  complete: COMPLETE,
};

export const HELP_ABOUT =
  'Work through a directory of task files with the Codex CLI: in parallel, from any number of terminals, through crashes.';

export const HELP_ENVIRONMENT = [
  '  CODEX_CMD           the Codex program: a path, or a name on PATH',
  '  CODEX_WORKER_IDLE_TIMEOUT   for --idle-timeout; so for every option from --pattern to --notify',
  '  CODEX_WORKER_TASK   set for the command of --verify: the absolute path of the task file',
  '  CODEX_WORKER_CLAIM  set for agents, by which they are found again; these two are no settings',
  '  NO_COLOR, FORCE_COLOR, CI   no colours; colours; no live view',
].join('\n');

export const HELP_KEYS = [
  '  p, + -      pause and go on, in every terminal; more or fewer agents at once',
  '  q, ?        finish what runs and begin nothing else; what the keys do',
  '  y, s, n, c  what an agent asks: approve it, also for its session; deny it, also',
  '              ending the attempt',
].join('\n');

export const HELP_EXIT_CODES = [
  '  0 completed everything it could take   1 some tasks failed   2 wrong usage',
  '  3 something is missing   130, 143, 129 interrupted (SIGINT, SIGTERM, SIGHUP)',
  '  70 a bug in codex-worker',
].join('\n');

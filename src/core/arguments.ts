/**
 * What was typed, exactly as it was typed. `node:util` splits the arguments, and nothing is guessed: `--model 007` stays
 * `007`, `-c4` is four, `-` is a path, the last of several values wins, and an unknown option is a complaint.
 */
import { parseArgs } from 'node:util';
import { didYouMean } from './options.ts';

/** One option as it can be typed: `long` without its dashes, with `no-` where that is part of it. */
export interface OptionSpec {
  readonly long: string;
  readonly short?: string;
  readonly takesValue: boolean;
  readonly repeatable: boolean;
  /** It takes back what the option without its `no-` says. */
  readonly clears?: boolean;
}

/** An option of another command. */
interface OptionElsewhere extends OptionSpec {
  readonly of: string;
}

/** An option from its flags in the notation of cac: `-m, --model <name>`. */
export function optionSpec(flags: string, repeatable = false): OptionSpec {
  const [, short, long = ''] = /^(?:-(\w), )?--([\w-]+)/.exec(flags) ?? [];
  return { long, takesValue: flags.includes('<'), repeatable, ...(short !== undefined && { short }) };
}

/**
 * What an option holds: its text, whether it was given, all its texts when it is repeatable; `null` when it was taken back.
 * Keys are in camel case.
 */
export type OptionBag = Readonly<Record<string, OptionValue | undefined>>;
type OptionValue = string | boolean | readonly string[] | null;

/** Why the arguments cannot be what the user meant. */
export interface Complaint {
  readonly message: string;
  readonly hint: string | undefined;
}

export interface ParsedArguments {
  readonly args: readonly string[];
  /** `--` holds what stood after it. */
  readonly options: OptionBag;
  readonly complaint?: Complaint;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/**
 * Reads `argv` as options of one command. `elsewhere` are the options of the other commands: they are complained about,
 * but their values are recognised, so that the value of one is never taken for a path or for a command. `help` is what to
 * type for the help on this command.
 */
export function parseArguments(
  argv: readonly string[],
  own: readonly OptionSpec[],
  elsewhere: readonly OptionElsewhere[] = [],
  help = 'codex-worker --help',
): ParsedArguments {
  const { tokens } = parseArgs({
    args: [...argv],
    options: parseArgsOptions([...elsewhere, ...own]),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const byLong = new Map(own.map((spec) => [spec.long, spec]));
  const args: string[] = [];
  const after: string[] = [];
  const bag = new Map<string, OptionValue>([['--', after]]);
  let complaint: Complaint | undefined;
  let terminated = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') terminated = true;
    else if (token.kind === 'positional') (terminated ? after : args).push(token.value);
    else {
      const spec = byLong.get(token.name);
      complaint ??= spec ? misuse(spec, token) : unknownOption(token, own, elsewhere, help);
      if (spec) store(bag, spec, token.value);
      // A name that is kept makes cac complain as well, should our own complaint ever be passed over.
      else bag.set(token.name, token.value ?? true);
    }
  }
  const options = Object.fromEntries(bag);
  return complaint ? { args, options, complaint } : { args, options };
}

/** The key of an option in the bag, as cac spells it: `no-retry-failed` is `retryFailed`. */
export function bagKeyOf(long: string): string {
  return long
    .replace(/^no-/, '')
    .replace(/([a-z])-([a-z])/g, (_, before, after) => before + after.toUpperCase());
}

function parseArgsOptions(specs: readonly OptionSpec[]) {
  const options = new Map<string, { type: 'string' | 'boolean'; short?: string }>();
  const takenShorts = new Set<string>();
  // The own specs come last in the list and win, for the long name as for the short.
  for (const { long, short, takesValue } of specs.toReversed()) {
    if (options.has(long)) continue;
    const type = takesValue ? 'string' : 'boolean';
    options.set(long, short && !takenShorts.has(short) ? { type, short } : { type });
    if (short) takenShorts.add(short);
  }
  return Object.fromEntries(options);
}

function store(bag: Map<string, OptionValue>, spec: OptionSpec, value: string | undefined) {
  const key = bagKeyOf(spec.long);
  if (spec.clears) bag.set(key, null);
  else if (!spec.takesValue) bag.set(key, !spec.long.startsWith('no-'));
  else if (!spec.repeatable) bag.set(key, value ?? true);
  else {
    const before = bag.get(key);
    bag.set(key, [...(Array.isArray(before) ? before : []), value ?? '']);
  }
}

function misuse(spec: OptionSpec, token: OptionToken): Complaint | undefined {
  const name = `--${spec.long}`;
  if (!spec.takesValue) {
    if (token.value === undefined) return undefined;
    return {
      message: `${name}: got ${JSON.stringify(token.value)}; it takes no value`,
      hint: `write ${name}`,
    };
  }
  if (token.value === undefined)
    return { message: `${name}: its value is missing`, hint: `write ${name} <value>` };
  // `--model --verbose` is a forgotten value. `--retries -1` is a wrong one, which whoever reads the option names better.
  if (!token.inlineValue && /^-[^\d.]/.test(token.value))
    return {
      message: `${name}: its value is missing, the next argument is the option ${token.value}`,
      hint: `write ${name}=${token.value} if that is meant to be the value`,
    };
  return undefined;
}

function unknownOption(
  token: OptionToken,
  own: readonly OptionSpec[],
  elsewhere: readonly OptionElsewhere[],
  help: string,
): Complaint {
  const message = `unknown option ${token.rawName}`;
  const owners = elsewhere.filter((spec) => spec.long === token.name).map(({ of }) => of);
  if (owners.length > 0)
    return {
      message: `${message} here`,
      hint: `it belongs to ${owners.join(', ').replace(/, (?=[^,]*$)/, ' and ')}; ${help} lists those of this command`,
    };
  const long = didYouMean(
    `--${token.name}`,
    own.map((spec) => `--${spec.long}`),
  );
  return { message, hint: long ?? `${help} lists them all` };
}

/**
 * Keys do not belong in logs. A server may quote a wrong key in its refusal, and an agent may print its environment: so
 * what Codex prints passes through here before it is kept, shown or looked at. Masked are, to the letter, the values of
 * environment variables that are named like secrets, and whatever looks like a key of OpenAI.
 *
 * Not found are secrets that nobody knows of, and those that are printed in another form (base64, cut in pieces).
 */
const SECRET_NAME = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)$/i;
/** Shorter values are also ordinary words. */
const SHORTEST = 12;
const MASK = '***';
/** What a key may stand behind; in `task-2026-…` is none. In JSON it may be an escape like `\n`, on a terminal a colour. */
const BOUNDARY = /(?:^|[^\w-]|\[[\d;]*m|(?:^|[^\\])(?:\\\\)*\\(?:[bfnrt]|u[\da-fA-F]{4}))/.source;
/** What stands behind none is no match at all, so that it cannot hide a secret that begins in it. */
const OPENAI_KEY = String.raw`sk-(?<=${BOUNDARY}sk-)(?=[A-Za-z_-]*\d)[\w-]{20,}`;
/** No key is longer; what is waited for at the end of a chunk is not longer either. */
const LONGEST_KEY = 1_024;
/** How far it is looked back for a boundary. */
const CONTEXT = 32;

/** What must not be shown of an environment, as it is printed and as it stands in JSON. */
export function secretsIn(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const values = Object.entries(env)
    .filter(([name, value]) => SECRET_NAME.test(name) && (value ?? '').length >= SHORTEST)
    .map(([, value = '']) => value);
  return [...new Set(values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))];
}

/** Masks the secrets in a stream of bytes, wherever it is cut into chunks. One for each stream. */
export class SecretFilter {
  /** As bytes, each a character. */
  readonly #secrets: readonly string[];
  readonly #pattern: RegExp;
  /** How far from the end a secret may begin that reaches into what is waited for. */
  readonly #reach: number;
  #before = '';
  #held = '';

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((secret) => Buffer.from(secret).toString('latin1'));
    const byLength = this.#secrets.toSorted((a, b) => b.length - a.length);
    const literal = byLength.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
    this.#pattern = new RegExp([...literal, OPENAI_KEY].join('|'), 'g');
    this.#reach = 2 * Math.max(LONGEST_KEY, byLength[0]?.length ?? 0);
  }

  /** What is safe to pass on; the rest comes with the next chunk, or at the `end`. */
  push(chunk: Buffer): Buffer {
    const text = this.#held + chunk.toString('latin1');
    const safe = text.length - this.#unfinished(text);
    this.#held = text.slice(safe);
    return this.#masked(text.slice(0, safe));
  }

  end(): Buffer {
    const text = this.#held;
    this.#held = '';
    return this.#masked(text);
  }

  #masked(text: string): Buffer {
    let clean = '';
    let done = 0;
    for (const { start, end } of this.#secretsIn(text)) {
      clean += text.slice(done, start) + MASK;
      done = end;
    }
    clean += text.slice(done);
    this.#before = (this.#before + clean).slice(-CONTEXT);
    return Buffer.from(clean, 'latin1');
  }

  /** How many characters at the end may be the beginning of a secret, or are the end of one that began before them. */
  #unfinished(text: string): number {
    const key = /(?:sk-[\w-]*|sk?)$/.exec(text.slice(-LONGEST_KEY))?.[0].length ?? 0;
    let begun = Math.max(key, ...this.#secrets.map((secret) => overlap(text, secret)));
    if (begun > 0)
      for (const { start, end } of this.#secretsIn(text, Math.max(0, text.length - this.#reach)))
        if (start < text.length - begun && text.length - begun < end) begun = text.length - start;
    return begun;
  }

  /** Where the secrets in `text` are, behind what was passed on before. */
  *#secretsIn(text: string, from = 0): Generator<{ readonly start: number; readonly end: number }> {
    const before = this.#before.length;
    const all = this.#before + text;
    this.#pattern.lastIndex = before + from;
    for (let found; (found = this.#pattern.exec(all));)
      yield { start: found.index - before, end: found.index - before + found[0].length };
  }
}

/** The length of the longest end of `text` that is a beginning of `secret`, and not all of it. */
function overlap(text: string, secret: string): number {
  for (let n = Math.min(secret.length - 1, text.length); n > 0; n--)
    if (text.endsWith(secret.slice(0, n))) return n;
  return 0;
}

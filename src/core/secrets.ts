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
const OPENAI_KEY = /sk-(?=[A-Za-z_-]*\d)[\w-]{20,}/.source;
/** What a key may stand behind; in `task-2026-…` is none. In JSON it may be an escape like `\n`, on a terminal a colour. */
const BOUNDARY = /(?:^|[^\w-]|\[[\d;]*m|(?:^|[^\\])(?:\\\\)*\\(?:[bfnrt]|u[\da-fA-F]{4}))$/;
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
  #before = '';
  #held = '';

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.map((secret) => Buffer.from(secret).toString('latin1'));
    const byLength = this.#secrets.toSorted((a, b) => b.length - a.length);
    const literal = byLength.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
    this.#pattern = new RegExp([...literal, OPENAI_KEY].join('|'), 'g');
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
    const clean = text.replace(this.#pattern, (found, at: number) => {
      const before = (this.#before + text.slice(Math.max(0, at - CONTEXT), at)).slice(-CONTEXT);
      return this.#secrets.includes(found) || BOUNDARY.test(before) ? MASK : found;
    });
    this.#before = (this.#before + clean).slice(-CONTEXT);
    return Buffer.from(clean, 'latin1');
  }

  /** How many characters at the end may be the beginning of a secret, or are the end of one that began before them. */
  #unfinished(text: string): number {
    const key = /(?:sk-[\w-]*|sk?)$/.exec(text.slice(-LONGEST_KEY))?.[0].length ?? 0;
    let begun = Math.max(key, ...this.#secrets.map((secret) => overlap(text, secret)));
    if (begun > 0)
      for (const { index, 0: found } of text.slice(-2 * LONGEST_KEY).matchAll(this.#pattern)) {
        const fromEnd = Math.min(text.length, 2 * LONGEST_KEY) - index;
        if (fromEnd > begun && fromEnd - found.length < begun) begun = fromEnd;
      }
    return begun;
  }
}

/** The length of the longest end of `text` that is a beginning of `secret`, and not all of it. */
function overlap(text: string, secret: string): number {
  for (let n = Math.min(secret.length - 1, text.length); n > 0; n--)
    if (text.endsWith(secret.slice(0, n))) return n;
  return 0;
}

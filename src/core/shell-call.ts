/** Codex runs a command as `/bin/bash -lc '…'`: what stands inside, where the line is exactly that. */

interface ShellCall {
  /** `/bin/bash -lc`. */
  readonly shell: string;
  readonly script: string;
}

/** Where the system keeps its shells. One from elsewhere may be the agent's own work, and is the first thing to be seen. */
const SHELL = String.raw`(?:/(?:usr/(?:local/)?|opt/homebrew/)?bin/)?(?:ba|z)?sh`;
const CALL = new RegExp(`^(${SHELL} -l?c) (.+)$`, 's');

/**
 * Only a line that Codex would have written so for that script; any other is no shell call, and is to be read as it is. So two lines
 * never give the same call.
 */
export function shellCall(line: string): ShellCall | undefined {
  const [, shell, word] = CALL.exec(line) ?? [];
  if (shell === undefined || word === undefined) return undefined;
  const script = unquoted(word);
  return script !== undefined && quoted(script) === word ? { shell, script } : undefined;
}

/** One word of a shell's without its quotes; `undefined` where a shell would do more with it than take them away. */
function unquoted(word: string): string | undefined {
  const parts = /^(?:[\w%+,./:=@\]-]|'[^']*'|"(?:[^"$`!\\]|\\["\\$`])*")+$/;
  if (!parts.test(word)) return undefined;
  return word.replaceAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"/gs, (_, single?: string, double?: string) =>
    double === undefined ? (single ?? '') : double.replaceAll(/\\(.)/gs, '$1'),
  );
}

const PLAIN = /[\w%+,./:=@\]-]/;
const IN_SINGLE = /[^'^\\]/;
const IN_DOUBLE = /[^`$!^]/;

/** A word as the library that Codex uses quotes it (the crate shlex, 1.3): pieces as long as possible, each in the least quotes. */
function quoted(text: string): string {
  if (text === '') return "''";
  const out: string[] = [];
  for (let at = 0; at < text.length;) {
    let [plain, single, double] = [true, true, true];
    let end = at;
    // A caret stands in single quotes, and only at their beginning.
    if (text[at] === '^') [plain, double, end] = [false, false, at + 1];
    for (; end < text.length; end++) {
      const char = text.charAt(end);
      const next = [
        plain && PLAIN.test(char),
        single && IN_SINGLE.test(char),
        double && IN_DOUBLE.test(char),
      ];
      if (!next.includes(true)) break;
      [plain, single, double] = next as [boolean, boolean, boolean];
    }
    const piece = text.slice(at, end);
    if (plain) out.push(piece);
    else if (single) out.push(`'${piece}'`);
    else out.push(`"${piece.replaceAll(/["\\]/g, '\\$&')}"`);
    at = end;
  }
  return out.join('');
}

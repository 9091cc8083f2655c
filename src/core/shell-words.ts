/** The words of a command line that is still being typed, taken apart without a shell: nothing of it is ever evaluated. */

/** One word without its quotes. What a shell would have put in place of `$(…)` stays as it was typed; an open quote is closed. */
function unquoted(word: string): string {
  let text = '';
  let quote = '';
  for (let i = 0; i < word.length; i++) {
    const char = word.charAt(i);
    const next = word.charAt(i + 1);
    if (char === quote) quote = '';
    else if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char === '\\' && next !== '' && (quote === '' || (quote === '"' && '"\\$`'.includes(next)))) {
      text += next;
      i += 1;
    } else text += char;
  }
  return text;
}

/** What Bash takes for the end of a word besides blanks, and not for an operator of the shell. */
const BREAKS = /^[=:@]+$/;

/** The words of Bash's COMP_WORDS put together again where it has taken `--mode=read-only` apart. */
function rejoined(words: readonly string[]): string[] {
  const whole: string[] = [];
  let isOpen = false;
  for (const word of words) {
    const isBreak = BREAKS.test(word);
    if ((isBreak || isOpen) && whole.length > 0) whole[whole.length - 1] += word;
    else whole.push(word);
    isOpen = isBreak;
  }
  return whole;
}

/** A command line as a shell tells of it, in words without quotes. The last is being typed. */
export interface TypedLine {
  readonly words: readonly string[];
  /** How many characters of that word the shell keeps by itself, and wants to be left out of what is offered. */
  readonly kept: number;
}

/**
 * Of what each script tells. Bash: what it will replace, which behind `--mode=` is `re` alone, then its words, taken apart and
 * in their quotes. Fish: the last word is in its quotes. Zsh, and who names no shell: the words.
 */
export function typedLine(shell: string, told: readonly string[]): TypedLine {
  if (shell === 'fish') return { words: [...told.slice(0, -1), unquoted(told.at(-1) ?? '')], kept: 0 };
  if (shell !== 'bash') return { words: told, kept: 0 };
  const [replaced = '', ...raw] = told;
  const words = rejoined(raw).map(unquoted);
  const current = words.at(-1) ?? '';
  const part = unquoted(replaced);
  return { words, kept: current.endsWith(part) ? current.length - part.length : 0 };
}

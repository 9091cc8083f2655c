/**
 * Characters that look like ASCII and are none: `с` is Cyrillic in `сopy`, and no shell takes `∕` for a slash. What they look like is
 * Unicode's own table (UTS #39, "confusables"). The only file that knows unhomoglyph.
 */
import unhomoglyph from 'unhomoglyph';

const isAscii = (text: string) => /^[\u0000-\u007f]*$/.test(text);

/** The ASCII that a character of another alphabet can be taken for; `undefined` for ASCII itself, and for what looks like itself. */
export function asciiTwin(character: string): string | undefined {
  if (isAscii(character)) return undefined;
  const plain = character.normalize('NFKC'); // of `ｃ` and `𝐜` the letter, where the table would give `rn` for `m`
  if (isAscii(plain)) return plain;
  return [unhomoglyph(character), unhomoglyph(plain)].find(isAscii);
}

/**
 * Of a word those characters that are there to be taken for ASCII, or could be by accident: all of them where the whole word could be
 * ASCII (`сор`), and beside ASCII letters those of another script (`аdminж`). A word of another language is left in peace (`привет`).
 */
export function lookAlikesIn(word: string): readonly string[] {
  if (isAscii(word)) return [];
  const foreign = [...new Set(word)].filter((character) => !isAscii(character));
  const alike = foreign.filter((character) => asciiTwin(character) !== undefined);
  if (alike.length === foreign.length) return alike;
  return /[a-z]/i.test(word) ? alike.filter((character) => !/\p{Script=Latin}/u.test(character)) : [];
}

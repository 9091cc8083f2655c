/**
 * YAML as data: version 1.2, one document, one mapping. Tags, anchors, aliases, directives, control characters and keys that
 * stand twice are mistakes, so that the text is no program, cannot grow by being read, and says one thing. Where it is
 * wrong is a value, not an error.
 */
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument, type ParsedNode } from 'yaml';

interface YamlEntry {
  /** A text, a number, `true`, `false` or `null`; a list of these; a Map, whatever is in it, for a mapping. */
  readonly value: unknown;
  /** `line:column` of the key, both from 1. */
  readonly at: string;
}

export type YamlRead =
  | { readonly kind: 'read'; readonly entries: ReadonlyMap<string, YamlEntry> }
  /** `why` completes "at line:column: …". */
  | { readonly kind: 'wrong'; readonly at: string; readonly why: string };

/** Nothing, or nothing but comments, has no entries. `firstLine` is the number of the text's first line in its file. */
export function readYaml(text: string, firstLine = 1): YamlRead {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${Math.max(1, line) + firstLine - 1}:${Math.max(1, col)}`;
  };
  const odd = oddIn(text) ?? tooDeepIn(text);
  if (odd) {
    for (const { index } of text.matchAll(/(?<=^|\n)/g)) lines.addNewLine(index);
    return { kind: 'wrong', at: at(odd.offset), why: odd.why };
  }
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    prettyErrors: false,
    lineCounter: lines,
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) return { kind: 'wrong', at: at(problem.pos[0]), why: inWords(problem) };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null && !contents.tag))
    return { kind: 'read', entries: new Map() };
  const wrong = (node: ParsedNode, why: string) =>
    ({ kind: 'wrong', at: at(node.range[0]), why }) satisfies YamlRead;
  if (!isMap<ParsedNode, ParsedNode | null>(contents) || contents.tag)
    return wrong(contents, 'allowed is a mapping: lines of name: value');
  const entries = new Map<string, YamlEntry>();
  for (const { key, value } of contents.items) {
    for (const node of [key, value, ...(isSeq<ParsedNode>(value) ? value.items : [])]) {
      const special = node && whyNotPlain(node);
      if (node && special) return wrong(node, special);
    }
    entries.set(String(isScalar(key) ? key.value : key), { value: valueOf(value), at: at(key.range[0]) });
  }
  return { kind: 'read', entries };
}

/** What YAML would take, or not even look at. */
function oddIn(text: string): { readonly offset: number; readonly why: string } | undefined {
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  const odd = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]|\r(?!\n)|(?<=^|\n)%/.exec(text);
  if (!odd) return undefined;
  const code = (odd[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const why =
    odd[0] === '%' ? 'directives are not allowed' : `control characters (U+${code}) are not allowed`;
  return { offset: odd.index, why };
}

const MOST_DEEP = 64;
/** Of a document, a text in block style, and a plain one: tokens that are no part of the text, where such characters are refused. */
const LEXER_MARKS = new Set(['\u0002', '\u0018', '\u001F']);

/**
 * The library goes as deep as the text does, and near the end of the stack V8 cannot compile its expressions: that ends the
 * process, and nobody can catch it. Depth by indentation needs no limit, as each level needs more characters than the last.
 */
function tooDeepIn(text: string): { readonly offset: number; readonly why: string } | undefined {
  let brackets = 0;
  let inLine = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') brackets++;
    else if (token === ']' || token === '}') brackets--;
    else if (token === '-' || token === '?' || token === ':') inLine++;
    else if (token === '\n' || token === '\r\n') inLine = 0;
    if (brackets > MOST_DEEP || inLine > MOST_DEEP) return { offset, why: 'it is nested too deeply' };
    if (!LEXER_MARKS.has(token)) offset += token.length;
  }
  return undefined;
}

function whyNotPlain(node: ParsedNode): string | undefined {
  if (isAlias(node)) return 'aliases are not allowed';
  if (node.anchor !== undefined) return 'anchors are not allowed';
  return node.tag === undefined ? undefined : 'tags are not allowed';
}

function valueOf(node: ParsedNode | null): unknown {
  if (isScalar(node)) return node.value;
  return isSeq<ParsedNode>(node) ? node.items.map(valueOf) : node && new Map();
}

/** The library's own words, but where they speak of its interface. */
function inWords({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'DUPLICATE_KEY') return 'this name stands twice';
  if (code === 'TAG_RESOLVE_FAILED') return 'tags are not allowed';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins; allowed is one';
  if (code === 'RESOURCE_EXHAUSTION') return 'it is nested too deeply';
  return message.charAt(0).toLowerCase() + message.slice(1);
}

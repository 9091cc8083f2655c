/** What failures have in common that have the same cause: a reason without its particulars. */

/** Longer reasons are cut first: nobody says more than this about a cause. */
const LONGEST = 2_000;

/**
 * A reason without what differs each time: `…` stands for addresses, what is quoted, paths and files; `#` for identifiers and
 * numbers. One line. Upper and lower case stay; whoever compares ignores them.
 */
export function withoutParticulars(reason: string): string {
  return reason
    .slice(0, LONGEST)
    .replace(/\b[a-z][a-z+.-]*:\/\/\S+/gi, '…')
    .replace(/"[^"]*"|`[^`]*`|“[^”]*”|‘[^’]*’|«[^»]*»|(?<!\w)'[^']*'(?!\w)/g, '…')
    .replace(/[\w.~@…-]*\/[\w.~@…/-]+|\b[\w-]+\.[a-z]\w{0,4}\b/gi, '…')
    .replace(/\b(?=\w*\d)\w{6,}(?:-\w+)*\b/g, '#')
    .replace(/\b[0-9a-f]{8,}\b/gi, '#')
    .replace(/\d+(?:\.\d+)*/g, '#')
    .replace(/\s+/g, ' ')
    .trim();
}

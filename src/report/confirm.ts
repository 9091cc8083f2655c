/** A question to the person at the terminal. Silence, Ctrl-C and the end of input are a no. */
import { createInterface } from 'node:readline/promises';
import { printable, printableText } from '../core/printable.ts';

export async function confirm(question: string): Promise<boolean> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  const refused = new AbortController();
  dialogue.once('SIGINT', () => refused.abort());
  dialogue.once('close', () => refused.abort());
  try {
    const answer = await dialogue.question(`${printableText(question)} [y/N] `, { signal: refused.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (!refused.signal.aborted) throw error;
    process.stderr.write('\n');
    return false;
  } finally {
    dialogue.close();
  }
}

/** What full access means, and the question, twice: it is easily answered once out of habit. */
export async function confirmFullAccess(workingDirectory: string): Promise<boolean> {
  const meaning =
    `danger-full-access takes the sandbox away. The agents start in ${printable(workingDirectory)}, but may read, change\n` +
    'and delete every file that you can, run every command, and use the network, without asking anybody.\n';
  return (
    (await confirm(`${meaning}Let them?`)) &&
    (await confirm('What they do cannot be undone here. Are you sure?'))
  );
}

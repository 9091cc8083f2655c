/** The prompt of a task: read once, with what tells later whether its file was changed since. */
import { createHash } from 'node:crypto';
import type { PromptSource } from '../core/claim.ts';
import { partsOf, wrongMatter } from '../core/front-matter.ts';
import { MAX_PROMPT_BYTES, type Task } from '../core/task.ts';
import { lookAt, readSmall, type BigIntStats, type Files } from './files.ts';

export type PromptRead =
  | {
      readonly kind: 'read';
      /** The prompt alone, without what the task says for itself. */
      readonly bytes: Buffer;
      /** Its front matter, if it has one. */
      readonly matter?: string;
      /** Of the whole file. */
      readonly source: PromptSource;
    }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The prompt, read once and whole; what is edited later does not change the attempt. Refused is what Codex would
 * refuse: nothing but blanks, not UTF-8, too large; what is no regular file, or may not be read; and front matter that is
 * none. What that says is for `readMatter`.
 */
export async function readPrompt(files: Files, task: Task): Promise<PromptRead> {
  const file = await readSmall(files, `${task.directory}/${task.name}`, MAX_PROMPT_BYTES + 1);
  if (file.kind === 'absent') return { kind: 'gone' };
  if (file.kind === 'odd') return { kind: 'refused', why: file.why.replace(/^it /, '') };
  const { bytes, stat } = file;
  if (bytes.length > MAX_PROMPT_BYTES)
    return { kind: 'refused', why: `has more than the ${MAX_PROMPT_BYTES} bytes that Codex takes` };
  const text = bytes.toString('utf8');
  const asText = Buffer.from(text, 'utf8');
  if (!asText.equals(bytes))
    return { kind: 'refused', why: `is not UTF-8 text (${whereTheyPart(bytes, asText)})` };
  const parts = partsOf(bytes);
  if (parts.kind === 'wrong')
    return { kind: 'refused', why: wrongMatter(`${task.label}:${parts.at}: ${parts.why}`) };
  const { matter, prompt } = parts;
  if (matter === undefined && text.trim() === '') return { kind: 'refused', why: 'has no text in it' };
  if (matter !== undefined && prompt.toString('utf8').trim() === '')
    return { kind: 'refused', why: 'has no text after its front matter' };
  return {
    kind: 'read',
    bytes: prompt,
    ...(matter !== undefined && { matter }),
    source: sourceOf(stat, bytes),
  };
}

/** Where bytes stop to be what they are as text. */
function whereTheyPart(bytes: Buffer, asText: Buffer): string {
  let at = 0;
  while (at < bytes.length && bytes[at] === asText[at]) at++;
  const before = bytes.subarray(0, at).toString('latin1').split('\n');
  return `line ${before.length}, byte ${(before.at(-1)?.length ?? 0) + 1}`;
}

function sourceOf(stat: BigIntStats, bytes: Buffer): PromptSource {
  return {
    dev: String(stat.dev),
    ino: String(stat.ino),
    size: bytes.length,
    mtimeNs: String(stat.mtimeNs),
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Whether the task file is still the file that the prompt was read from; `gone` when it is not there at all. */
export async function isUnchanged(
  files: Files,
  task: Task,
  source: PromptSource,
): Promise<'same' | 'changed' | 'gone'> {
  const stat = await lookAt(files, `${task.directory}/${task.name}`);
  if (!stat) return 'gone';
  const same =
    stat.isFile() &&
    String(stat.dev) === source.dev &&
    String(stat.ino) === source.ino &&
    Number(stat.size) === source.size &&
    String(stat.mtimeNs) === source.mtimeNs;
  return same ? 'same' : 'changed';
}

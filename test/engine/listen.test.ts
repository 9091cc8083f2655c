import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import type { EndReason } from '../../src/core/outcome.ts';
import { listen } from '../../src/engine/listen.ts';
import type { AgentEvent } from '../../src/io/agent-event.ts';
import type { GatedChild } from '../../src/io/child.ts';
import { CodexListener } from '../../src/io/codex-listener.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { eventually } from '../rig/scratch.ts';

const STDOUT = 101;
const STDERR = 102;

const streamOf = (chunks: Iterable<Buffer> | Readable) =>
  chunks instanceof Readable ? chunks : Readable.from(chunks, { objectMode: false });

/** What is heard of a child that prints these chunks. */
async function hear(
  stdout: Iterable<Buffer> | Readable,
  stderr: Iterable<Buffer> | Readable = [],
  append?: Files['appendSync'],
  secrets: readonly string[] = [],
) {
  let chunks = 0;
  const raw: Record<number, number> = { [STDOUT]: 0, [STDERR]: 0 };
  const ended: EndReason[] = [];
  const child = {
    stdout: streamOf(stdout),
    stderr: streamOf(stderr),
    get endedBy() {
      return ended[0];
    },
    end: (why: EndReason) => {
      ended.push(why);
      return Promise.resolve();
    },
  };
  const keep: Files['appendSync'] = (fd, bytes) => {
    append?.(fd, bytes);
    raw[fd] = (raw[fd] ?? 0) + bytes.length;
  };
  const heard = new CodexListener();
  const events: AgentEvent[] = [];
  const listening = listen(
    { ...realFiles, appendSync: keep },
    child as unknown as GatedChild,
    heard,
    { stdout: STDOUT, stderr: () => Promise.resolve(STDERR) },
    (event) => void events.push(event),
    () => void chunks++,
    secrets,
  );
  return { listening, events, heard, raw, ended, child, chunks: () => chunks };
}

const texts = (events: readonly AgentEvent[]) =>
  events.map((event) => ('text' in event ? event.text : 'message' in event ? event.message : event.kind));

const message = (text: string) =>
  Buffer.from(`${JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text } })}\n`);

test('lines are split at line feeds only: what Codex prints raw inside its JSON stays in one event', async () => {
  const text = 'one\u2028two\u2029three\u0085four\vfive\ffive\u001esix';
  const { listening, events } = await hear([message(text)]);
  await listening;
  assert.ok(message(text).includes('\u2028'), 'JSON does not escape it');
  assert.deepEqual(events, [{ kind: 'message', text }]);
});

test('characters that are cut by the end of a chunk arrive whole, on both outputs', async () => {
  const bytes = Buffer.concat([message('任务 🙂 ü'), message('second')]);
  const warning = Buffer.from('x tools::router: error=任务 🙂\nlast\n');
  const one = (buffer: Buffer) => Array.from(buffer, (byte) => Buffer.from([byte]));
  const { listening, events, heard, raw } = await hear(one(bytes), one(warning));
  await listening;
  assert.deepEqual(texts(events), ['任务 🙂 ü', 'second']);
  assert.deepEqual(heard.warnings, ['任务 🙂']);
  assert.deepEqual(raw, { [STDOUT]: bytes.length, [STDERR]: warning.length });
});

test('CRLF ends a line, and a last line needs no end', async () => {
  const { listening, events } = await hear([Buffer.from('a\r'), Buffer.from('\nb\r\n\r\nc')]);
  await listening;
  assert.deepEqual(texts(events), ['a', 'b', 'c']);
});

/** It may come before lines that are still on their way. */
const LEFT_OUT = 'a line of more than 4 MiB is left out here; the raw events have it';

/** A line of so many megabytes, with what stands before and after it. */
function* line(megabytes: number, before: Buffer, after?: Buffer) {
  yield before;
  const chunk = Buffer.alloc(65_536, 'x');
  for (let i = 0; i < megabytes * 16; i++) yield chunk;
  if (after) yield after;
}

test('a line of 100 MB is left out with a note, does not grow memory, and hides nothing that comes after it', async () => {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let peak = 0;
  const { listening, events, raw } = await hear(
    line(100, Buffer.from('before\n'), Buffer.from('\nafter\n')),
    [],
    () => void (peak = Math.max(peak, process.memoryUsage.rss())),
  );
  await listening;
  assert.deepEqual(texts(events).toSorted(), [LEFT_OUT, 'after', 'before']);
  assert.ok((raw[STDOUT] ?? 0) > 100 * 1_048_576, 'the raw output is kept whole');
  assert.ok(peak - before < 90 * 1_048_576, `memory grew by ${Math.round((peak - before) / 1_048_576)} MiB`);
});

test('a line that is too long is left out even when the output ends in it', async () => {
  const { listening, events } = await hear(line(6, Buffer.from('before\n')));
  await listening;
  assert.deepEqual(texts(events).toSorted(), [LEFT_OUT, 'before']);
});

test('a line of one megabyte is no such line', async () => {
  const { listening, events } = await hear([message('x'.repeat(1_048_576)), message('after')]);
  await listening;
  assert.equal(texts(events)[0]?.length, 1_048_576);
});

test('a child that prints more than one GiB is ended, and the rest of it is not kept', async () => {
  const chunk = Buffer.alloc(4 * 1_048_576, 'x');
  const stderr = (function* () {
    for (let i = 0; i < 300; i++) yield chunk;
  })();
  const { listening, raw, ended } = await hear([], stderr);
  await listening;
  assert.equal(ended[0], 'log-too-large');
  assert.ok((raw[STDERR] ?? 0) <= 1_073_741_824, `${raw[STDERR]} bytes were kept`);
  assert.ok((raw[STDERR] ?? 0) > 1_000_000_000);
});

test('a disk that refuses the log ends the child, and is not thrown', async () => {
  const endless = new PassThrough();
  endless.write('x\n');
  const { listening, ended, child } = await hear(endless, [], () => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  });
  await listening;
  assert.deepEqual(ended, ['storage']);
  assert.ok(child.stdout.destroyed, 'nobody reads it, and it is open');
});

test('a bug in what hears an event ends the child and is thrown', async () => {
  const { listening, ended } = await hear([Buffer.from('x\n')], [], () => {
    throw new TypeError('a bug');
  });
  await assert.rejects(listening, TypeError);
  assert.deepEqual(ended, ['storage']);
});

test('outputs that are closed on whoever holds them end the listening, and what was said is heard', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  stdout.write('first\n');
  stderr.write('the last words: task'); // in which a key might begin
  const { listening, events, ended, raw } = await hear(stdout, stderr);
  await eventually('the first line', () => events.length > 0);
  stdout.destroy();
  stderr.destroy();
  await listening;
  assert.deepEqual(texts(events), ['first']);
  assert.deepEqual(raw, { [STDOUT]: 6, [STDERR]: 20 });
  assert.deepEqual(ended, []);
});

test('whatever comes on either output is told of at once, also what may be the beginning of a secret', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const { chunks, raw, listening } = await hear(stdout, stderr, undefined, ['hunter2-hunter2']);
  stdout.write('hunter2-');
  await eventually('the chunk is told of', () => chunks() === 1);
  assert.equal(raw[STDOUT], 0, 'and still held back');
  stderr.write('x');
  await eventually('the chunk is told of', () => chunks() === 2);
  stdout.end();
  stderr.end();
  await listening;
});

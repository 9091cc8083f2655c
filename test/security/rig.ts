/** What an attacker can make: a hostile agent, forged lock files, and a precious file outside whose least change is seen. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { newClaimId, type ClaimRecord, type OutcomeRecord } from '../../src/core/claim.ts';
import { encodeLine } from '../../src/io/lock-line.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { makeBench, type Bench } from '../rig/cli.ts';

/** What a terminal would act on, or what makes a line read differently from what it is; a line end is none. */
export const STEERING =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** Colours, a title, a link, the clipboard, a rewritten line, 8-bit controls, a bell, and text that reads backwards. */
export const HOSTILE =
  '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\ ' +
  '\u001b]52;c;cm0gLXJm\u0007 done\rfake \u009b2J \u009d0;t\u009c \u0007 \u202egnp.exe\u2066 \u061c \u2028 \ufeff \u001b[1A\u001b[2K';

/** A bench whose Codex is a shell script: it takes the prompt, then runs these lines in the task directory. */
export async function makeScripted(t: TestContext, ...lines: readonly string[]) {
  const bench = await makeBench(t);
  return { bench, env: { CODEX_CMD: writeAgent(bench, ...lines) } };
}

export function writeAgent(bench: Bench, ...lines: readonly string[]): string {
  const agent = path.join(bench.scratch, 'agent');
  const head = ['#!/bin/sh', 'cat >/dev/null', `echo "$$" >>'${bench.scratch}/began'`];
  writeFileSync(agent, [...head, ...lines, ''].join('\n'), { mode: 0o755 });
  return agent;
}

/** How often an agent of `writeAgent` was started. */
export function starts(bench: Bench): number {
  const names = readdirSync(bench.scratch);
  if (!names.includes('began')) return 0;
  return readFileSync(path.join(bench.scratch, 'began'), 'utf8').trim().split('\n').length;
}

export interface Canary {
  /** A directory beside the task directory, with the precious file in it. */
  readonly outside: string;
  readonly file: string;
  /** That nothing outside was created, changed or removed. A test that links to the file says how often. */
  assertUntouched(links?: number): void;
}

export const PRECIOUS = 'precious: sesame\n';

export function makeCanary(bench: Bench, content = PRECIOUS): Canary {
  const outside = path.join(bench.scratch, 'outside');
  mkdirSync(outside);
  const file = path.join(outside, 'precious');
  writeFileSync(file, content, { mode: 0o640 });
  utimesSync(file, 1_000_000_000, 1_000_000_000);
  const { ino, mode } = statSync(file);
  return {
    outside,
    file,
    assertUntouched: (links = 1) => {
      assert.deepEqual(readdirSync(outside), ['precious'], 'names outside');
      assert.equal(readFileSync(file, 'utf8'), content);
      const now = lstatSync(file);
      assert.deepEqual(
        { ino: now.ino, mode: now.mode, mtime: now.mtimeMs, links: now.nlink },
        { ino, mode, mtime: 1_000_000_000_000, links },
      );
    },
  };
}

/** A pid that is nobody's, above every limit of the kernel. */
export const NOBODY = { pid: 4_194_305, start: '1' };

/** A claim that nobody ever made, by a dead process of this machine: everything in it is public. */
export function forgedRecord(more: Partial<Record<keyof ClaimRecord, unknown>> = {}) {
  return {
    v: 1,
    kind: 'run',
    task: 'fix.md',
    claim: newClaimId(),
    attempt: 1,
    dir: '1:2',
    run: 'forged',
    host: thisProcess().host,
    owner: NOBODY,
    at: '2026-01-02T03:04:05.678Z',
    by: 'codex-worker 1.0.0',
    ...more,
  } as unknown as ClaimRecord;
}

export function lockBytes(record: ClaimRecord, outcome?: OutcomeRecord, beatAt = record.at): Buffer {
  const line3 = outcome ? encodeLine(outcome, 512) : Buffer.from(`${' '.repeat(511)}\n`);
  const beat = encodeLine({ pid: record.owner.pid, seq: 1, at: beatAt }, 512);
  return Buffer.concat([encodeLine(record, 3_072), beat, line3]);
}

export function forgeLock(bench: Bench, record = forgedRecord(), outcome?: OutcomeRecord): ClaimRecord {
  writeFileSync(path.join(bench.tasks, `.lock-${record.task}`), lockBytes(record, outcome));
  return record;
}

/** The outcome that fits a log, as its owner would have recorded it. */
export function forgedOutcome(log: string, more: Partial<OutcomeRecord> = {}): OutcomeRecord {
  const sha256 = createHash('sha256').update(log).digest('hex');
  return {
    outcome: 'done',
    code: 0,
    signal: null,
    bytes: Buffer.byteLength(log),
    sha256,
    at: 'now',
    ...more,
  };
}

export function logOf({ task, attempt, claim }: ClaimRecord): string {
  const header = { task, attempt, claim, prompt: `${'a'.repeat(64)} (sha256, 8 bytes)` };
  const lines = Object.entries(header).map(([name, value]) => `${`${name}:`.padEnd(10)} ${value}`);
  return `codex-worker log\n${lines.join('\n')}\n${'─'.repeat(72)}\nforged\n`;
}

export const hashOf = (task: string) => createHash('sha256').update(task).digest('hex').slice(0, 16);

/** Makes the next death of a worker the third, after which the dead owner's log and lock are written to. */
export async function forgeTwoDeaths(bench: Bench, task = 'fix.md'): Promise<void> {
  for (const attempt of [1, 2])
    await bench.write(`.codex-worker/ended/${hashOf(task)}.${attempt}.${newClaimId()}.died.txt`, 'forged\n');
}

/** Every file below `root`, by its path. */
export function* filesBelow(root: string): Generator<string> {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) yield path.join(entry.parentPath, entry.name);
}

export const hardLink = (from: string, to: string) => {
  mkdirSync(path.dirname(to), { recursive: true });
  linkSync(from, to);
};

/** A task directory with logs that nobody ran for, and what `logs` shows of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { logs, type LogsRequest } from '../../src/commands/logs.ts';
import { newClaimId } from '../../src/core/claim.ts';
import { thisProcess } from '../../src/io/process-identity.ts';
import { showLogs } from '../../src/report/logs.ts';
import { forgedRecord, hashOf, lockBytes } from '../security/rig.ts';
import { scratch } from './scratch.ts';

const RULE = '─'.repeat(72);

/** A log as an attempt leaves it; without an outcome, of one that is on. */
export function logText(attempt: number, body: string, outcome?: string, claim = newClaimId()): string {
  const head = { task: 'fix.md', attempt, claim, prompt: `${'a'.repeat(64)} (sha256, 8 bytes)` };
  const lines = Object.entries(head).map(([name, value]) => `${`${name}:`.padEnd(10)} ${value}`);
  const foot = outcome === undefined ? '' : `\n${RULE}\noutcome:   ${outcome}\n`;
  return `codex-worker log\n${lines.join('\n')}\n${RULE}\n${body}\n${foot}`;
}

export function scene(t: TestContext) {
  const cwd = scratch(t);
  const write = (name: string, text: string | Buffer) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  };
  const putAside = (attempt: number, kind: string, body: string) =>
    write(
      `.codex-worker/ended/${hashOf('fix.md')}.${attempt}.${newClaimId()}.${kind}.txt`,
      logText(attempt, body, kind),
    );
  /** A claim of this very process, which lives. */
  const run = (attempt: number, body: string) => {
    const { host, pid, start } = thisProcess();
    const record = forgedRecord({ attempt, host, owner: { pid, start } });
    write('.lock-fix.md', lockBytes(record));
    write(`.exec_log-fix.md.${record.claim}`, logText(attempt, body, undefined, record.claim));
    return { claim: record.claim, path: join(cwd, `.exec_log-fix.md.${record.claim}`) };
  };
  const show = (tasks: string | string[], more: Partial<LogsRequest> & { toTerminal?: boolean } = {}) =>
    shown({ tasks: [tasks].flat(), cwd, follow: false, raw: false, ...more }, more.toTerminal ?? false);
  write('fix.md', 'Fix it.\n');
  return { cwd, write, putAside, run, show };
}

export async function shown(
  request: LogsRequest,
  toTerminal: boolean,
  /** What has been shown so far, on either stream. */
  onText: (shown: string) => void = () => {},
) {
  const out: Buffer[] = [];
  let err = '';
  const terminal = {
    pour: (piece: string | Uint8Array) => {
      out.push(Buffer.from(piece));
      onText(Buffer.concat(out).toString() + err);
      return Promise.resolve(true);
    },
    err: (text: string) => {
      err += text;
      onText(Buffer.concat(out).toString() + err);
    },
    outIsTerminal: toTerminal,
  };
  const view = { raw: request.raw, headings: request.tasks.length > 1 };
  const code = await showLogs(logs(request), view, terminal);
  const bytes = Buffer.concat(out);
  return { code, bytes, out: bytes.toString(), err };
}

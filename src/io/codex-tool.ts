/** Questions to Codex that cost no tokens: its own commands, run to their end. */
import { headline } from '../core/printable.ts';
import type { RunOptions } from '../core/options.ts';
import { runTool, type ToolResult } from './child.ts';
import type { CodexCommand } from './codex-command.ts';
import { isSandboxComplaint } from './codex-listener.ts';

/** The first start of Codex on a machine unpacks itself; a healthy answer takes well under a second. */
export const TOOL_TIMEOUT_MS = 20_000;

export function codexTool(
  codex: CodexCommand,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<ToolResult> {
  const path = [codex.pathPrefix, env['PATH']].filter(Boolean).join(':');
  return runTool(codex.command, args, {
    timeoutMs: TOOL_TIMEOUT_MS,
    env: { ...env, PATH: path },
    ...(cwd !== undefined && { cwd }),
  });
}

/** A command of the user's own is not asked for its version, as it may take any call for work; unless it is to be a server. */
export async function versionOf(
  codex: CodexCommand,
  env: NodeJS.ProcessEnv,
  { backend }: Pick<RunOptions, 'backend'>,
): Promise<string> {
  if (!codex.isCodex && backend !== 'app-server') return codex.launcher;
  const { stdout } = await runTool(codex.command, ['--version'], { timeoutMs: 10_000, env });
  return headline(stdout, 60) || codex.launcher;
}

/** What Codex itself says of its sandbox here; `unclear` for a version that does not know the question, or no answer. */
export async function askSandbox(
  codex: CodexCommand,
  { env, cwd, codexConfig }: { env: NodeJS.ProcessEnv; cwd: string; codexConfig: readonly string[] },
): Promise<{ kind: 'works' } | { kind: 'unusable'; why: string } | { kind: 'unclear' }> {
  const settings = codexConfig.flatMap((setting) => ['-c', setting]);
  const { code, stdout, stderr } = await codexTool(codex, ['sandbox', ...settings, '--', 'true'], env, cwd);
  if (code === 0) return { kind: 'works' };
  const why = `${stderr}\n${stdout}`.split('\n').find(isSandboxComplaint);
  return why === undefined ? { kind: 'unclear' } : { kind: 'unusable', why };
}

/** Whether a run would work here: each thing that it needs, looked at, with the next step where something is missing. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EnvironmentError, isErrno } from '../core/errors.ts';
import { DEFAULT_MODEL } from '../core/options.ts';
import { headline } from '../core/printable.ts';
import type { DoctorCheck, DoctorReport } from '../core/reports.ts';
import { runTool, type ToolResult } from '../io/child.ts';
import { findCodex, type CodexCommand } from '../io/codex-command.ts';
import { codexTool, TOOL_TIMEOUT_MS } from '../io/codex-tool.ts';
import { checkFileSystem } from '../io/file-system.ts';
import { realFiles } from '../io/files.ts';

const OLDEST_NODE = [20, 19] as const;
const OLDEST_CODEX = [0, 47] as const;

export interface DoctorRequest {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly model: string;
}

type Check = Omit<DoctorCheck, 'name'>;

export async function doctor({ cwd, env, model }: DoctorRequest): Promise<DoctorReport> {
  const codex = await findCodex(env, cwd).catch((error: unknown) => {
    if (error instanceof EnvironmentError) return error;
    throw error;
  });
  const named = async (name: string, check: Check | Promise<Check>) => ({ name, ...(await check) });
  const checks = [
    named('Node', checkNode(process.versions.node)),
    named('directory', checkDirectory(cwd)),
    named('Codex', checkCodex(codex, env)),
    ...(codex instanceof EnvironmentError || !codex.isCodex
      ? []
      : [named('login', checkLogin(codex, env)), named('sandbox', checkSandbox(codex, env, cwd))]),
    named('git', checkGit(env, cwd)),
    named('model', checkModel(model, env)),
  ];
  return { checks: await Promise.all(checks) };
}

function checkNode(version: string): Check {
  if (isAtLeast(version, OLDEST_NODE)) return { verdict: 'ok', found: version };
  return { verdict: 'failed', found: version, next: `install Node ${OLDEST_NODE.join('.')} or newer` };
}

async function checkDirectory(cwd: string): Promise<Check> {
  const { problem, hardLinks, network, type } = await checkFileSystem(realFiles, cwd);
  if (problem !== undefined)
    return {
      verdict: 'failed',
      found: problem,
      next: 'keep the task files in a writable directory on a local disk',
    };
  const found = `tasks can be claimed in ${cwd}${hardLinks ? '' : ' (without hard links)'}`;
  if (!network) return { verdict: 'ok', found };
  return {
    verdict: 'warning',
    found: `${found}, on a network file system (${type})`,
    next: 'workers on other hosts are seen, and waited for; --takeover-after says for how long',
  };
}

async function checkCodex(codex: CodexCommand | EnvironmentError, env: NodeJS.ProcessEnv): Promise<Check> {
  if (codex instanceof EnvironmentError)
    return { verdict: 'failed', found: codex.message, ...(codex.hint !== undefined && { next: codex.hint }) };
  if (!codex.isCodex)
    return {
      verdict: 'warning',
      found: `${codex.launcher}, a command of your own: its login and sandbox were not checked`,
      next: 'unset CODEX_CMD to use the Codex CLI',
    };
  const { found, version } = versionIn(await codexTool(codex, ['--version'], env));
  if (version === undefined)
    return {
      verdict: 'failed',
      found: `${codex.launcher}: ${found}`,
      next: 'reinstall it: npm install -g @openai/codex',
    };
  if (!isAtLeast(version, OLDEST_CODEX))
    return {
      verdict: 'failed',
      found: `${version} (${codex.launcher})`,
      next: 'update it: npm install -g @openai/codex',
    };
  return { verdict: 'ok', found: `${version} (${codex.launcher})` };
}

function versionIn(result: ToolResult): { found: string; version: string | undefined } {
  const version = /\d+\.\d+\.\d+\S*/.exec(result.stdout)?.[0];
  return result.code === 0 && version
    ? { found: version, version }
    : { found: whatFailed(result), version: undefined };
}

/** `codex login status` answers on standard error, knows nothing of CODEX_API_KEY, and tells nothing about validity. */
async function checkLogin(codex: CodexCommand, env: NodeJS.ProcessEnv): Promise<Check> {
  if (env['CODEX_API_KEY']) return { verdict: 'ok', found: 'CODEX_API_KEY is set' };
  const result = await codexTool(codex, ['login', 'status'], env);
  // "API key configured - sk-***fghij": even a part of a key does not belong on a screen.
  const answer = (result.stderr + result.stdout).split('\n').find((line) => /logged in|api key/i.test(line));
  if (result.code === 0) return { verdict: 'ok', found: (answer ?? 'logged in').replace(/ - .*/, '') };
  const next = 'run "codex login", or set CODEX_API_KEY';
  const provider = await configuredProvider(env);
  if (provider === undefined) return { verdict: 'failed', found: answer ?? whatFailed(result), next };
  return {
    verdict: 'warning',
    found: `not logged in at OpenAI; Codex's configuration chooses the provider ${provider}`,
    next: `make sure that the key of ${provider} is set, or ${next}`,
  };
}

/** Another model provider brings its own key. Only this one line of the configuration matters here. */
async function configuredProvider(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const text = await readFile(join(env['CODEX_HOME'] || join(homedir(), '.codex'), 'config.toml'), 'utf8');
    const provider = /^\s*model_provider\s*=\s*["']([^"']+)["']/m.exec(text)?.[1];
    return provider === 'openai' ? undefined : provider;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR')) throw error;
    return undefined;
  }
}

async function checkSandbox(codex: CodexCommand, env: NodeJS.ProcessEnv, cwd: string): Promise<Check> {
  const result = await codexTool(codex, ['sandbox', '--', 'true'], env, cwd);
  if (result.code === 0) return { verdict: 'ok', found: 'agents can be confined' };
  return {
    verdict: 'failed',
    found: whatFailed(result),
    next:
      process.platform === 'linux'
        ? 'allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, AppArmor, or the container that this runs in)'
        : 'see "codex sandbox --help"; without it every command of an agent fails',
  };
}

async function checkGit(env: NodeJS.ProcessEnv, cwd: string): Promise<Check> {
  const { code, errno, stdout } = await runTool('git', ['rev-parse', '--is-inside-work-tree'], {
    timeoutMs: TOOL_TIMEOUT_MS,
    env,
    cwd,
  });
  if (code === 0 && stdout.trim() === 'true') return { verdict: 'ok', found: 'inside a work tree' };
  return {
    verdict: 'warning',
    found: errno === undefined ? 'not inside a work tree' : `git could not be started: ${errno}`,
    next: 'without git, what the agents change in --mode workspace-write cannot be reviewed or undone: git init',
  };
}

function checkModel(model: string, env: NodeJS.ProcessEnv): Check {
  if (model === 'inherit') return { verdict: 'ok', found: "inherit: the one in Codex's own configuration" };
  const origin =
    model === env['CODEX_WORKER_MODEL']
      ? 'CODEX_WORKER_MODEL'
      : model === DEFAULT_MODEL
        ? 'the default'
        : '--model';
  return {
    verdict: 'ok',
    found: `${model} (${origin}); a run stops, and fails no task, if your account may not use it`,
  };
}

function whatFailed({ code, errno, stdout, stderr }: ToolResult): string {
  const lines = `${stderr}\n${stdout}`.split('\n');
  const said = headline(lines.find((line) => !/^\s*(warning\b|$)/i.test(line)) ?? '');
  if (errno === 'ETIMEDOUT') return `no answer after ${TOOL_TIMEOUT_MS / 1_000}s`;
  if (errno !== undefined) return `could not be started: ${errno}`;
  return said === '' ? `ended with code ${code}` : said;
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return a > major || (a === major && b >= minor);
}

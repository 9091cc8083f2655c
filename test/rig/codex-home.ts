/** A CODEX_HOME whose model is `model-server.ts`, and the real Codex to run in it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CodexHomeOptions {
  /** How often Codex itself repeats a request that failed. None by default: one failing request is one failed attempt. */
  readonly requestRetries?: number;
  /** The same for an answer that broke off. */
  readonly streamRetries?: number;
}

/**
 * Writes `directory` (made if need be) as a CODEX_HOME and returns what has to be added to the environment. Nothing
 * in it reaches past loopback: no plugins to download, no telemetry, no user's shell profile.
 */
export async function makeCodexHome(
  directory: string,
  serverUrl: string,
  { requestRetries = 0, streamRetries = 0 }: CodexHomeOptions = {},
): Promise<Record<string, string>> {
  await mkdir(directory, { recursive: true });
  await writeFile(
    path.join(directory, 'config.toml'),
    `model_provider = "loopback"
check_for_update_on_startup = false

[model_providers.loopback]
name = "scripted model on loopback"
base_url = ${JSON.stringify(serverUrl)}
wire_api = "responses"
env_key = "LOOPBACK_MODEL_KEY"
supports_websockets = false
request_max_retries = ${requestRetries}
stream_max_retries = ${streamRetries}

[features]
plugins = false
shell_snapshot = false

[skills.bundled]
enabled = false

[analytics]
enabled = false

[feedback]
enabled = false
`,
  );
  return {
    CODEX_HOME: directory,
    LOOPBACK_MODEL_KEY: 'no-secret',
    // A proxy of the machine is not for loopback.
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
  };
}

/** Whether Codex can confine commands on this machine; where it cannot, every command of an agent fails. */
export async function canSandbox(): Promise<boolean> {
  const home = await mkdtemp(path.join(tmpdir(), 'codex-sandbox-probe-'));
  try {
    const probe = spawn(nativeCodex(), ['sandbox', '--', 'true'], {
      env: { ...process.env, CODEX_HOME: home },
      stdio: 'ignore',
    });
    const [code] = await once(probe, 'close');
    return code === 0;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** npm's launcher in node_modules: what a user has on PATH. */
export const codexLauncher = fileURLToPath(new URL('../../node_modules/.bin/codex', import.meta.url));

/** The native binary behind the launcher: the process that matters. */
export function nativeCodex(): string {
  const codex = createRequire(createRequire(import.meta.url).resolve('@openai/codex/package.json'));
  const manifest = codex.resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`);
  const vendor = path.join(path.dirname(manifest), 'vendor');
  const [triple] = readdirSync(vendor);
  if (triple === undefined) throw new Error(`${vendor} is empty: is @openai/codex installed completely?`);
  return path.join(vendor, triple, 'bin', 'codex');
}

/** What Codex is started with. The flags work from version 0.47 to 0.169. */

export interface CodexSettings {
  readonly mode: 'read-only' | 'workspace-write' | 'danger-full-access';
  readonly model: string;
  readonly workingDirectory: string;
  readonly codexConfig: readonly string[];
}

/**
 * The arguments of one attempt, in a thread of its own or in one that is continued. The sandbox and the directory are always
 * said, and before `resume`: Codex's defaults depend on its configuration, and a thread does not keep them.
 */
export function codexArguments(
  { mode, model, workingDirectory, codexConfig }: CodexSettings,
  thread?: string,
): string[] {
  return [
    'exec',
    '--json',
    '--skip-git-repo-check',
    '-s',
    mode,
    '-C',
    workingDirectory,
    ...(model === 'inherit' ? [] : ['-m', model]),
    ...configured(codexConfig),
    ...(thread === undefined ? [] : ['resume', thread]),
    '-',
  ];
}

/** Of the other way to run it; model, sandbox and directory are said in the conversation. */
export function appServerArguments({ codexConfig }: Pick<CodexSettings, 'codexConfig'>): string[] {
  return ['app-server', ...configured(codexConfig)];
}

function configured(codexConfig: readonly string[]): string[] {
  const ours = 'features.unbounded_connection_retries=false'; // else Codex waits for ever when the network is down
  return [ours, ...codexConfig].flatMap((setting) => ['-c', setting]);
}

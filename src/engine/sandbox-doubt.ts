/**
 * Where Codex's sandbox cannot work, each command of an agent fails, and Codex calls the turn completed all the same. What such
 * a command printed may also have been printed by the command itself, so nothing follows from it but a question to Codex,
 * once in an attempt and while the agent still runs: what it does without commands is of no use to anybody.
 */
import type { EnvironmentProblem } from '../core/failure.ts';
import { headline } from '../core/printable.ts';
import type { CodexListener } from '../io/codex-listener.ts';
import { askSandbox } from '../io/codex-tool.ts';
import type { AttemptOrder } from './order.ts';

export class SandboxDoubt {
  readonly #order: Pick<AttemptOrder, 'codex' | 'settings'>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #onUnusable: () => void;
  #answer: Promise<EnvironmentProblem | undefined> | undefined;

  /** `onUnusable` is called as soon as it is known. */
  constructor(
    order: Pick<AttemptOrder, 'codex' | 'settings'>,
    env: NodeJS.ProcessEnv,
    onUnusable: () => void,
  ) {
    this.#order = order;
    this.#env = env;
    this.#onUnusable = onUnusable;
  }

  /** To be called after each event. */
  look(heard: CodexListener): void {
    if (heard.sandboxComplaint !== undefined) this.#answer ??= this.#ask(heard, heard.sandboxComplaint);
  }

  /** What stops the run, where the sandbox is known not to work; to be asked when the agent has ended. */
  async problem(): Promise<EnvironmentProblem | undefined> {
    return this.#answer;
  }

  async #ask(heard: CodexListener, complaint: string): Promise<EnvironmentProblem | undefined> {
    const { codex, settings } = this.#order;
    const { mode, workingDirectory: cwd, codexConfig } = settings;
    if (mode === 'danger-full-access') return undefined; // there is none: the command said it by itself
    const said = codex.isCodex
      ? await askSandbox(codex, { env: this.#env, cwd, codexConfig })
      : ({ kind: 'unclear' } as const);
    if (said.kind === 'unclear') heard.warn(`the sandbox could not run a command: ${complaint}`);
    if (said.kind !== 'unusable') return undefined;
    this.#onUnusable();
    return { kind: 'sandbox-unusable', message: headline(said.why) };
  }
}

/**
 * What a run says of the tasks that others have: how many they are whenever that changes, and, once each, that it waits for
 * them. It is for people; nobody decides by it.
 */
import type { RunEvent } from '../core/event.ts';
import type { Heard } from './heard.ts';
import type { Standings } from './standings.ts';

export interface OthersNewsDeps {
  readonly standings: Standings;
  readonly emit: (event: RunEvent) => void;
  readonly heard?: Pick<Heard, 'countCompleted'>;
}

export class OthersNews {
  readonly #deps: OthersNewsDeps;
  /** The counts as they were last told. */
  #told = '';
  #hasToldWait = false;
  #hasToldStay = false;

  constructor(deps: OthersNewsDeps) {
    this.#deps = deps;
  }

  /** The run has just begun, and told how many are in progress. */
  begin(inProgress: number): void {
    this.#told = [inProgress, 0, 0].join();
  }

  tellCounts(): void {
    const { standings, heard, emit } = this.#deps;
    const heardOf = heard?.countCompleted((task) => standings.of(task)?.kind === 'ready') ?? 0;
    const inProgress = standings.count('elsewhere', 'suspect', 'held', 'reaping');
    const completed = standings.over('completed-elsewhere') + heardOf;
    const failed = standings.over('failed-elsewhere');
    const told = [inProgress, completed, failed].join();
    if (told === this.#told) return;
    this.#told = told;
    emit({ kind: 'elsewhere', inProgress, completed, failed });
  }

  /** The run has nothing to do: else nobody would know what it is about. Nothing where it does not wait for others. */
  tellWait(): void {
    if (this.#hasToldWait || !this.#deps.standings.hopesForOthers()) return;
    this.#hasToldWait = true;
    const message = 'waiting for others: what is left comes after tasks that they have in progress';
    this.#deps.emit({ kind: 'notice', message });
  }

  /** The run could end, and stays until the others have finished. */
  tellStay(): void {
    if (this.#hasToldStay) return;
    this.#hasToldStay = true;
    this.#deps.emit({ kind: 'waiting-for-others', tasks: this.#deps.standings.count('elsewhere') });
  }
}

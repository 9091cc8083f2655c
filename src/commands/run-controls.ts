/** What the keys of a run do to it. */
import type { Controls } from '../core/controls.ts';
import { EnvironmentError } from '../core/errors.ts';
import type { RunEvent } from '../core/event.ts';
import type { Coordinator } from '../engine/coordinator.ts';
import type { Drain } from '../engine/drain.ts';
import type { Pauses } from '../engine/pauses.ts';
import { openAnswering } from './answer.ts';
import { mostAtOnce } from './open-files.ts';

interface Run {
  readonly coordinator: Pick<Coordinator, 'concurrency' | 'changeConcurrency'>;
  readonly drain: Pick<Drain, 'begin'>;
  readonly pauses: Pick<Pauses, 'toggleByHand'>;
  readonly emit: (event: RunEvent) => void;
  readonly env: NodeJS.ProcessEnv;
}

/** What cannot be done is said, and the run goes on as it was. */
export function controlsOf({ coordinator, drain, pauses, emit, env }: Run): Controls {
  let isToggling = false;
  return {
    drain: () => drain.begin(),
    changeConcurrency: (by) => {
      const most = mostAtOnce();
      const asked = coordinator.concurrency + by;
      if (asked > most) emit({ kind: 'notice', message: `no more than ${most} at once are possible here` });
      const to = Math.max(1, Math.min(most, asked));
      if (to !== coordinator.concurrency) coordinator.changeConcurrency(to);
    },
    togglePause: () => {
      if (isToggling) return;
      isToggling = true;
      void pauses
        .toggleByHand()
        .catch((error: unknown) => {
          if (!(error instanceof EnvironmentError)) throw error;
          emit({ kind: 'notice', message: error.message });
        })
        .finally(() => (isToggling = false));
    },
    answer: (task, question, decision) => {
      // Where somebody else was faster, the event that follows says who.
      void openAnswering(env)
        .give({ task, question }, decision)
        .catch((error: unknown) => {
          if (!(error instanceof EnvironmentError)) throw error;
          emit({ kind: 'notice', message: error.message });
        });
    },
  };
}

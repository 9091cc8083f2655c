/** For the report: when a directory was paused stands in its journal. Nobody decides by it, and nothing fails without it. */
import type { Pause } from '../core/pause.ts';
import type { TaskDirectory } from '../io/task-directory.ts';
import type { World } from './world.ts';

type Noting = Pick<World, 'accounts' | 'now'>;

/** By whoever has written it. */
export async function notePaused(
  { accounts }: Noting,
  directory: TaskDirectory,
  pause: Pause,
): Promise<void> {
  const { id, class: kind, reason, since, until } = pause;
  await accounts?.append(directory, {
    kind: 'paused',
    at: since,
    id,
    class: kind,
    reason,
    ...(until !== undefined && { until }),
  });
}

/** By whoever has removed it. */
export async function noteResumed(
  { accounts, now }: Noting,
  directory: TaskDirectory,
  { id }: Pause,
): Promise<void> {
  await accounts?.append(directory, { kind: 'resumed', at: now().getTime(), id });
}

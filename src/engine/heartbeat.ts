/**
 * Renews a claim on a timer and tells when it is lost: a person removed the lock, or another host took it over. It
 * decides nothing on this machine (a claim of a living owner is never taken here, however silent), and never throws.
 */
import { errnoOf } from '../core/errors.ts';
import type { HeldLock } from '../io/lock-file.ts';
import { LOOK_EVERY_MS } from './silence.ts';
import type { World } from './world.ts';

export interface Heartbeat {
  /** Waits for a renewal that is under way, then no more. */
  stop(): Promise<void>;
}

export interface HeartbeatEvents {
  /** Called once. */
  readonly onLost: () => void;
  /** Renewing fails; called once for each kind of error. */
  readonly onTrouble: (code: string) => void;
}

/** With `fenceAfterMs` (half of --takeover-after) a claim that could not be renewed that long counts as lost. */
export function startHeartbeat(
  world: World,
  lock: HeldLock,
  events: HeartbeatEvents,
  fenceAfterMs?: number,
): Heartbeat {
  let renewedAt = world.uptimeMs();
  let over = false;
  let beating: Promise<void> = Promise.resolve();
  const troubles = new Set<string>();

  const lose = () => {
    if (over) return;
    over = true;
    clearInterval(timer);
    events.onLost();
  };
  const beat = async () => {
    try {
      if ((await lock.renew(world.now().toISOString())) === 'lost') return lose();
      renewedAt = world.uptimeMs();
    } catch (error) {
      const code = errnoOf(error);
      if (!troubles.has(code)) events.onTrouble(code);
      troubles.add(code);
    }
    if (fenceAfterMs !== undefined && world.uptimeMs() - renewedAt > fenceAfterMs) lose();
  };
  let busy = false;
  const timer = setInterval(() => {
    if (busy || over) return; // a disk that hangs must not pile up renewals
    busy = true;
    beating = beat().finally(() => void (busy = false));
  }, LOOK_EVERY_MS);

  return {
    stop: async () => {
      over = true;
      clearInterval(timer);
      await beating;
    },
  };
}

/** The notifications of one run on their way. They are sent beside it, and hold up nothing but, for some seconds, its end. */
import { targetLabel, type Audience, type Notification, type NotifyTarget } from '../core/notification.ts';
import { realWorld } from '../engine/world.ts';
import { sendNotification } from '../io/notification.ts';

/** A server gets one try in it, and a moment of a second one. */
const END_PATIENCE_MS = 12_000;
/** What takes no longer needs no word. */
const SAY_AFTER_MS = 1_500;

export interface Outbox {
  readonly send: (notification: Notification, to?: Audience) => void;
  /** Waits until all has been sent, or its time is over, or Ctrl-C comes; then nothing of it runs any more. */
  readonly close: () => Promise<void>;
}

const isOf = (audience: Audience | undefined, { kind }: NotifyTarget) =>
  audience === undefined || (audience === 'bell') === (kind === 'bell');

export interface OutboxPorts {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly ring: (text: string) => void;
  /** Takes a sentence about something that went wrong, or takes long. */
  readonly tell: (message: string) => void;
}

export function openOutbox(targets: readonly NotifyTarget[], { env, cwd, ring, tell }: OutboxPorts): Outbox {
  const { table } = realWorld();
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const sending = new Set<Promise<void>>();

  const sendTo = async (target: NotifyTarget, notification: Notification) => {
    if (target.kind === 'bell') return ring(notification.text);
    const trouble = await sendNotification(target, notification, { env, cwd, table, signal });
    if (trouble !== undefined)
      tell(`the notification "${notification.event}" did not reach ${targetLabel(target)}: ${trouble}`);
  };
  return {
    send(notification, to) {
      for (const target of targets) {
        if (!isOf(to, target)) continue;
        const one: Promise<void> = sendTo(target, notification).finally(() => sending.delete(one));
        sending.add(one);
      }
    },
    async close() {
      if (sending.size === 0) return;
      const stop = () => giveUp.abort();
      const timers = [
        setTimeout(stop, END_PATIENCE_MS),
        setTimeout(
          () =>
            tell(
              `a notification is being sent, for ${END_PATIENCE_MS / 1_000}s at most; Ctrl-C leaves at once`,
            ),
          SAY_AFTER_MS,
        ),
      ];
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const name of signals) process.on(name, stop);
      await Promise.all(sending);
      for (const name of signals) process.off(name, stop);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

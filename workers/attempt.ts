/** The entry of a worker thread: one attempt, with the real world, its news sent back through a port of its own. */
import type { MessagePort } from 'node:worker_threads';
import { withoutTargets } from '../src/core/notification.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { runAttempt } from '../src/engine/attempt.ts';
import type { AttemptNews, AttemptOrder, Message } from '../src/engine/order.ts';
import { realWorld } from '../src/engine/world.ts';

/** Answers when everything above is loaded. */
export function loaded(): void {}

export default async function attempt({
  order,
  port,
}: {
  order: AttemptOrder;
  port: MessagePort;
}): Promise<Outcome> {
  const abortion = new AbortController(); // one for the whole attempt: made per message, an abort would never arrive
  let placed: () => void = () => {};
  port.on('message', (message: Message) => {
    if (message.kind === 'abort') abortion.abort();
    else placed();
  });
  try {
    return await runAttempt(realWorld(), order, {
      tell: (news) => port.postMessage(news),
      aborted: abortion.signal,
      env: withoutTargets(process.env),
      takePlace: (over) =>
        new Promise((resolve) => {
          placed = resolve;
          over.addEventListener('abort', () => resolve(), { once: true });
          port.postMessage({ kind: 'place', is: 'wanted' } satisfies AttemptNews);
        }),
    });
  } finally {
    port.close();
  }
}

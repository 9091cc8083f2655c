/** Preloaded into the CLI: when the file $KILL_THREAD_WHEN appears, one of its worker threads dies of an error. */
import { unlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  setInterval(() => {
    try {
      unlinkSync(process.env.KILL_THREAD_WHEN);
    } catch {
      return; // not yet, or another thread was faster
    }
    throw new Error('the test wants this thread dead');
  }, 20).unref();
}

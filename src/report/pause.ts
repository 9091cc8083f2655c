/** What `pause` and `resume` did. */
import { printable, shellPath } from '../core/printable.ts';
import type { PauseReport } from '../core/reports.ts';
import type { Paint } from './console.ts';
import { describePause } from './wording.ts';

export function pausedText({ directories, now }: PauseReport, paint: Paint): string {
  return directories
    .map(
      ({ label, pause, replaced }) =>
        `${printable(label)} ${paint.yellow('is paused')} ${describePause(pause, now)}\n` +
        (replaced ? `  instead of the pause that was there, ${describePause(replaced, now)}\n` : '') +
        `  what is on goes on; to start again: codex-worker resume ${printable(shellPath(label))}\n`,
    )
    .join('');
}

export function resumedText({ directories, now }: PauseReport, paint: Paint): string {
  if (directories.length === 0) return 'Nothing is paused here.\n';
  return directories
    .map(
      ({ label, pause }) =>
        `${printable(label)} ${paint.green('is resumed')}; it was paused ${describePause(pause, now)}\n`,
    )
    .join('');
}

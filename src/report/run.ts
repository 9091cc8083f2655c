/** Everything that listens to one run, put together: lines for people or for programs, the live view, the results file. */
import type { Controls } from '../core/controls.ts';
import type { RunEvent } from '../core/event.ts';
import type { RunInvocation } from '../core/requests.ts';
import { createConsoleReporter, createPaint, isUrgent, urgent } from './console.ts';
import { exitCodeOf } from './errors.ts';
import { createJsonReporter } from './json.ts';
import { Live } from './live.ts';
import { ResultsFile } from './results-file.ts';
import type { Terminal } from './terminal.ts';

export interface RunReporter {
  readonly emit: (event: RunEvent) => void;
  /** What the keys may do. */
  readonly takeControls: (controls: Controls) => void;
  /** Ends the live view and publishes the results. */
  readonly close: (exitCode: number) => Promise<void>;
  /** The same for a run that an error ended. What it says about the results stands back behind that error. */
  readonly abandon: (error: unknown) => Promise<void>;
}

export function openRunReporter(
  { detail, json, resultsFile }: RunInvocation,
  paths: readonly string[],
  terminal: Terminal,
): RunReporter {
  const now = () => new Date();
  const errPaint = createPaint(terminal.errColours);
  const isLive = terminal.live && !json && detail !== 'quiet';
  const live = isLive ? new Live(terminal, errPaint) : undefined;
  const results = resultsFile === undefined ? undefined : new ResultsFile(resultsFile, now);
  const out = live ? (text: string) => live.print('out', text) : terminal.out;
  const err = live ? (text: string) => live.print('err', text) : terminal.err;
  const report = json
    ? createJsonReporter(out, now)
    : createConsoleReporter({
        detail,
        paths,
        out,
        err,
        errPaint,
        paint: createPaint(terminal.outColours),
        isAsked: () => live?.isAsked === true,
      });
  return {
    emit(event) {
      live?.note(event);
      results?.note(event);
      report(event);
      // The lines for programs are for programs: who pressed Ctrl-C wants to be answered as well.
      if (json && isUrgent(event)) err(urgent(event, errPaint, paths));
    },
    takeControls: (controls) => live?.take(controls),
    async close(exitCode) {
      live?.close();
      await results?.publish(exitCode);
    },
    async abandon(error) {
      live?.close();
      await results?.publish(exitCodeOf(error), String(error)).catch(() => {});
    },
  };
}

/** Everything that listens to one run, put together: lines for people or for programs, the live line, the results file. */
import type { RunEvent } from '../core/event.ts';
import type { RunInvocation } from '../core/requests.ts';
import { createConsoleReporter, createPaint, isUrgent, urgent } from './console.ts';
import { exitCodeOf } from './errors.ts';
import { createJsonReporter } from './json.ts';
import { Progress } from './progress.ts';
import { ResultsFile } from './results-file.ts';
import type { Terminal } from './terminal.ts';

export interface RunReporter {
  readonly emit: (event: RunEvent) => void;
  /** Ends the live line and publishes the results. */
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
  const live = terminal.live && !json && detail !== 'quiet';
  const progress = live ? new Progress(terminal, () => performance.now()) : undefined;
  const results = resultsFile === undefined ? undefined : new ResultsFile(resultsFile, now);
  const above = (print: (text: string) => void) => (text: string) => {
    progress?.clear();
    print(text);
  };
  const out = above(terminal.out);
  const err = above(terminal.err);
  const report = json
    ? createJsonReporter(out, now)
    : createConsoleReporter({ detail, paths, out, err, errPaint, paint: createPaint(terminal.outColours) });
  return {
    emit(event) {
      progress?.note(event);
      results?.note(event);
      report(event);
      // The lines for programs are for programs: who pressed Ctrl-C wants to be answered as well.
      if (json && isUrgent(event)) err(urgent(event, errPaint, paths));
    },
    async close(exitCode) {
      progress?.close();
      await results?.publish(exitCode);
    },
    async abandon(error) {
      progress?.close();
      await results?.publish(exitCodeOf(error), String(error)).catch(() => {});
    },
  };
}

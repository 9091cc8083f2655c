/** Which reports were asked for, and where each is to be written. */
import { extname, resolve } from 'node:path';
import { UsageError } from './errors.ts';

export type ReportFormat = 'html' | 'junit' | 'json';

export interface ReportFile {
  readonly format: ReportFormat;
  /** As it was typed, for a sentence about it. */
  readonly option: string;
  /** Absolute; `undefined` is standard output. */
  readonly path: string | undefined;
}

export const REPORT_EXAMPLES: Readonly<Record<ReportFormat, string>> = {
  html: 'report.html',
  junit: 'report.xml',
  json: 'report.json',
};

/** Of `report`: one option for each format. Throws UsageError. */
export function reportFiles(
  given: Readonly<Record<ReportFormat, string | undefined>>,
  cwd: string,
): readonly ReportFile[] {
  const files = (['html', 'junit', 'json'] as const).flatMap((format): ReportFile[] => {
    const [option, name] = [`--${format}`, given[format]];
    if (name === undefined) return [];
    return [{ format, option, path: name === '-' ? undefined : pathOf(option, name, format, cwd) }];
  });
  if (files.filter(({ path }) => path === undefined).length > 1)
    throw new UsageError('standard output takes one report', 'give the others a file');
  return eachOnce(files);
}

const FORMAT_OF: Readonly<Record<string, ReportFormat>> = {
  '.html': 'html',
  '.htm': 'html',
  '.xml': 'junit',
  '.json': 'json',
};

/** Of `run --report`, by the ending of its name. Throws UsageError. */
export function runReportFiles(names: readonly string[], cwd: string): readonly ReportFile[] {
  return eachOnce(
    names.map((name) => {
      const format = FORMAT_OF[extname(name).toLowerCase()];
      if (format === undefined)
        throw new UsageError(
          `--report: got ${JSON.stringify(name)}; allowed is a file that ends in .html, .xml or .json`,
          'for example --report report.html',
        );
      return { format, option: '--report', path: pathOf('--report', name, format, cwd) };
    }),
  );
}

function pathOf(option: string, name: string, format: ReportFormat, cwd: string): string {
  if (name === '')
    throw new UsageError(
      `${option}: got ""; allowed is a file name`,
      `for example ${option} ${REPORT_EXAMPLES[format]}`,
    );
  return resolve(cwd, name);
}

function eachOnce(files: readonly ReportFile[]): readonly ReportFile[] {
  const paths = files.map(({ path }) => path);
  const twice = files.find(({ path }, n) => path !== undefined && paths.indexOf(path) < n);
  if (twice)
    throw new UsageError(
      `${twice.option}: ${JSON.stringify(twice.path)} is to be written twice`,
      'give each report a file of its own',
    );
  return files;
}

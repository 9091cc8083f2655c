/** The reports that were asked for: made, written, and named. Each maker is loaded when it is needed. */
import { pathToFileURL } from 'node:url';
import type { ReportData } from '../core/report-data.ts';
import { REPORT_EXAMPLES, type ReportFile, type ReportFormat } from '../core/report-files.ts';
import { unreachable } from '../core/unreachable.ts';
import { checkOutputFile, writeWhole } from './output-file.ts';
import type { Terminal } from './terminal.ts';

type Where = Parameters<typeof checkOutputFile>[1];

/** Throws UsageError for a file that cannot be written, or that would be mistaken for a task or its state. */
export async function checkReportFiles(files: readonly ReportFile[], where: Where): Promise<void> {
  for (const { option, path, format } of files)
    if (path !== undefined) await checkOutputFile({ option, path, example: REPORT_EXAMPLES[format] }, where);
}

/** Says of each on `say` where it is. Throws EnvironmentError when one cannot be written; those before it are. */
export async function writeReportFiles(
  data: ReportData,
  files: readonly ReportFile[],
  { out }: Pick<Terminal, 'out'>,
  say: (line: string) => void,
): Promise<void> {
  for (const { format, path } of files) {
    const text = await textOf(data, format);
    if (path === undefined) {
      out(text);
      continue;
    }
    await writeWhole(path, text, 'the report', 'the tasks and their logs are as they should be');
    say(`${NAMES[format]}: ${pathToFileURL(path).href}\n`);
  }
}

const NAMES: Readonly<Record<ReportFormat, string>> = {
  html: 'report',
  junit: 'JUnit report',
  json: 'JSON report',
};

async function textOf(data: ReportData, format: ReportFormat): Promise<string> {
  switch (format) {
    case 'html':
      return (await import('./page/page.ts')).reportPage(data);
    case 'junit':
      return (await import('./junit.ts')).reportJunit(data);
    case 'json':
      return (await import('./report-json.ts')).reportJson(data);
    default:
      return unreachable(format);
  }
}

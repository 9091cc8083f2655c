/**
 * The report as one page that stands alone: it loads nothing, and its Content-Security-Policy lets a browser run and apply only our
 * own script and style, by their hashes. What tasks, logs and journals say is escaped; were that to fail, it could still do nothing.
 */
import { Eta } from 'eta/core';
import { createHash } from 'node:crypto';
import type { ReportData } from '../../core/report-data.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';
import { TEMPLATE } from './template.ts';
import { viewOf } from './view.ts';

const source = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const POLICY = [
  `default-src 'none'`,
  `style-src ${source(STYLE)}`,
  `script-src ${source(SCRIPT)}`,
  `base-uri 'none'`,
  `form-action 'none'`,
].join('; ');

/** The text of an HTML file. */
export function reportPage(data: ReportData): string {
  const eta = new Eta({ autoEscape: true, autoTrim: [false, 'nl'] });
  return eta.renderString(TEMPLATE, {
    ...viewOf(data),
    policy: POLICY,
    style: STYLE,
    script: SCRIPT,
  });
}

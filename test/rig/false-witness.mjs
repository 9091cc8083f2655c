/**
 * Preloaded into the CLI (`NODE_OPTIONS=--import …`, which its worker threads inherit): what the machine says of itself
 * is not what it is.
 *
 *   WITNESS_CLOCK=SEED   the wall clock jumps by up to ten years, forth and back, every 50 ms
 *   WITNESS_SLEPT=MS     after so long the uptime is eight hours more: the machine has slept
 *
 * and guards taken out, for the rounds that show that their loss is noticed:
 *   WITNESS_PIDNS, WITNESS_TIMENS   the inode of the namespace that this process seems to be in
 *   WITNESS_ONE_START    all processes have the same start time, so that a pid is all that names one
 *   WITNESS_CARRIER=PID:CLAIM       that process seems to carry the cookie of that claim
 *   WITNESS_RAW          no control character is replaced in what is printed
 */
import fs from 'node:fs';
import os from 'node:os';
import { syncBuiltinESMExports } from 'node:module';

const { env } = process;
const real = { readFileSync: fs.readFileSync, readlinkSync: fs.readlinkSync, uptime: os.uptime };

const TEN_YEARS_MS = 10 * 365.25 * 86_400_000;
if (env.WITNESS_CLOCK !== undefined) {
  const RealDate = Date;
  const offset = () => {
    const mixed = Math.imul(Math.floor(performance.now() / 50) + Number(env.WITNESS_CLOCK), 0x9e3779b1) >>> 0;
    return Math.round((mixed / 2 ** 31 - 1) * TEN_YEARS_MS);
  };
  const now = () => RealDate.now() + offset();
  globalThis.Date = class Date extends RealDate {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
    static now() {
      return now();
    }
  };
}

if (env.WITNESS_SLEPT !== undefined) {
  const EIGHT_HOURS_S = 8 * 3_600;
  os.uptime = () => real.uptime() + (performance.now() > Number(env.WITNESS_SLEPT) ? EIGHT_HOURS_S : 0);
}

fs.readlinkSync = (path, ...rest) => {
  if (path === '/proc/self/ns/pid' && env.WITNESS_PIDNS) return `pid:[${env.WITNESS_PIDNS}]`;
  if (path === '/proc/self/ns/time' && env.WITNESS_TIMENS) return `time:[${env.WITNESS_TIMENS}]`;
  return real.readlinkSync(path, ...rest);
};

const [carrier, claim] = env.WITNESS_CARRIER?.split(':') ?? [];
fs.readFileSync = (path, ...rest) => {
  if (carrier !== undefined && path === `/proc/${carrier}/environ`) return `CODEX_WORKER_CLAIM=${claim}\0`;
  const content = real.readFileSync(path, ...rest);
  if (env.WITNESS_ONE_START === undefined || !/^\/proc\/\d+\/stat$/.test(path)) return content;
  const after = content.lastIndexOf(')') + 2;
  const fields = content.slice(after).split(' ');
  fields[19] = '1';
  return content.slice(0, after) + fields.join(' ');
};
syncBuiltinESMExports();

if (env.WITNESS_RAW !== undefined) {
  const replace = RegExp.prototype[Symbol.replace];
  // oxlint-disable-next-line no-extend-native -- the guard is a regular expression, deep inside
  Object.defineProperty(RegExp.prototype, Symbol.replace, {
    value(text, ...rest) {
      return this.source.includes('u202a') ? text : replace.call(this, text, ...rest);
    },
  });
}

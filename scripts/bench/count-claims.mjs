/**
 * Preloaded into the product, in all of its threads: appends `won` or `lost` to $BENCH_CLAIMS for each link(2) to the
 * name of a lock.
 */
import fs from 'node:fs';
import { basename } from 'node:path';
import { syncBuiltinESMExports } from 'node:module';

const { BENCH_CLAIMS } = process.env;
const { appendFileSync, link, linkSync } = fs;
const linkLater = fs.promises.link;

function note(path, error) {
  if (BENCH_CLAIMS === undefined || !basename(String(path)).startsWith('.lock-')) return;
  if (!error) appendFileSync(BENCH_CLAIMS, 'won\n');
  else if (error.code === 'EEXIST') appendFileSync(BENCH_CLAIMS, 'lost\n');
}

fs.link = (from, to, done) =>
  link(from, to, (error) => {
    note(to, error);
    done(error);
  });
fs.linkSync = (from, to) => {
  try {
    linkSync(from, to);
  } catch (error) {
    note(to, error);
    throw error;
  }
  note(to);
};
fs.promises.link = async (from, to) => {
  try {
    await linkLater(from, to);
  } catch (error) {
    note(to, error);
    throw error;
  }
  note(to);
};
syncBuiltinESMExports();

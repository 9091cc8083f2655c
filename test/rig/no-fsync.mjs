/** Preloaded into the CLI: every fsync says that it has succeeded, and does nothing. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

fs.fsync = (_fd, done) => queueMicrotask(() => done(null));
fs.fsyncSync = () => {};
syncBuiltinESMExports();

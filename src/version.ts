import { createRequire } from 'node:module';

/** From the package.json beside our folder: the package's own, or the one that the build put there. */
export function packageVersion(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}

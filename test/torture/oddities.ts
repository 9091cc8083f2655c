/** Whatever a file system can hold, in the place of a lock, a right, an identity file or a temporary file. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { breakLock } from '../../src/engine/by-hand.ts';
import { tidy } from '../../src/engine/janitor.ts';
import { settle } from '../../src/engine/settle.ts';
import { takeRight, writeIdentityFile } from '../../src/io/break-right.ts';
import { realFiles, type Files } from '../../src/io/files.ts';
import { identityToken } from '../../src/io/process-identity.ts';
import { errno, leftovers, tryClaim } from '../engine/machine.ts';
import { violation, type Violation } from '../rig/violation.ts';
import type { Round } from './row.ts';
import { LOCK, makeWreck, type Wreck } from './wreck.ts';

export interface Oddity {
  readonly what: string;
  /** Puts it there; `sound` is a copy of what should be there, under another name. */
  make(at: string, sound: string): void;
}

export const ODDITIES: readonly Oddity[] = [
  { what: 'an empty file', make: (at) => writeFileSync(at, '') },
  { what: 'ten gigabytes of nothing', make: (at) => (writeFileSync(at, ''), truncateSync(at, 10 * 2 ** 30)) },
  {
    what: 'a sound file with one byte more',
    make: (at, sound) => writeFileSync(at, `${readFileSync(sound, 'latin1')}\n`),
  },
  { what: 'a pipe', make: (at) => void execFileSync('mkfifo', [at]) },
  { what: 'a directory', make: (at) => mkdirSync(at) },
  { what: 'a full directory', make: (at) => (mkdirSync(at), writeFileSync(path.join(at, 'notes'), 'mine')) },
  { what: 'a link to nothing', make: (at) => symlinkSync('nowhere', at) },
  { what: 'a link to itself', make: (at) => symlinkSync(path.basename(at), at) },
  { what: 'a link to a sound file', make: (at, sound) => symlinkSync(sound, at) },
  { what: 'a link to a device', make: (at) => symlinkSync('/dev/zero', at) },
];

async function makeSocket(round: Round, at: string): Promise<void> {
  const server = createServer();
  // The path of a socket is at most 108 bytes long: it is bound from inside its directory.
  const here = process.cwd();
  process.chdir(path.dirname(at));
  await new Promise<void>((resolve) => server.listen(path.basename(at), resolve));
  round.after(() => server.close());
  process.chdir(here);
}

/** What stands where the lock should be is held, survives every look, and goes by a person's word. */
async function oddLock(round: Round, what: string, wreck: Wreck): Promise<Violation[]> {
  const { machine, me, at, judge } = wreck;
  const found: Violation[] = [];
  const notes = () => (machine.ls().includes(LOCK) ? lstatSync(at(LOCK)).ino : undefined);
  const before = notes();
  const verdict = await judge();
  if (verdict.kind !== 'damaged' || verdict.why === '')
    found.push(violation('lied', `${what} as a lock is read as ${JSON.stringify(verdict)}`));
  for (const hardLinks of [true, false]) {
    const claim = await tryClaim(me, { ...machine.directory, hardLinks });
    if (claim) found.push(violation('twice', `${what} as a lock was claimed over`));
    await claim?.close();
  }
  await tidy(me, machine.directory);
  if (notes() !== before) found.push(violation('twice', `${what} as a lock was removed by nobody's word`));
  const broken = await breakLock(me, machine.directory, 'fix.md');
  if (lstatSync(at('fix.md')).size !== 8) found.push(violation('lost', 'the task'));
  if (what.includes('directory')) {
    if (broken.kind !== 'blocked' || !broken.why.includes('directory'))
      found.push(violation('lied', `clean --force: ${JSON.stringify(broken)} for ${what}`));
  } else {
    const claim = broken.kind === 'settled' ? await tryClaim(me, machine.directory) : undefined;
    if (!claim)
      found.push(violation('hung', `${what} as a lock, after clean --force: ${JSON.stringify(broken)}`));
    await claim?.close();
  }
  round.injected('something else where a lock should be');
  return found;
}

/** The same where the first right of a dead owner's claim should be: nobody passes it but by a person's word. */
async function oddRight(round: Round, what: string, wreck: Wreck): Promise<Violation[]> {
  const { machine, me, claim } = wreck;
  const request = { directory: machine.directory, task: 'fix.md', claim, role: 'reaper' } as const;
  const blocked = await settle(me, { ...request, mayLeave: () => true });
  const found: Violation[] = [];
  if (blocked.kind !== 'blocked' || blocked.why === '' || !machine.has(LOCK))
    found.push(violation('twice', `${what} as a right: ${JSON.stringify(blocked)}`));
  await tidy(me, machine.directory);
  const settled = await settle(me, { ...request, trustElsewhereIsDead: true });
  if (settled.kind !== 'settled' || settled.published !== 'completed')
    found.push(violation('hung', `${what} as a right, vouched for: ${JSON.stringify(settled)}`));
  const left = leftovers(machine).filter(
    (name) => !(what.includes('directory') && name.startsWith('.break-')),
  );
  for (const name of left) found.push(violation('left', `${name} after ${what} as a right`));
  round.injected('something else where a right should be');
  return found;
}

/** Where my own identity file or a temporary file should be: everything goes on, or says that it cannot. */
async function oddPrivate(round: Round, what: string, wreck: Wreck, name: string): Promise<Violation[]> {
  const { machine, me, claim } = wreck;
  await tidy(me, machine.directory);
  const result = await settle(me, {
    directory: machine.directory,
    task: 'fix.md',
    claim,
    role: 'reaper',
    mayLeave: () => true,
  });
  round.injected('something else in the private folder');
  const isFine =
    result.kind === 'settled'
      ? result.published === 'completed' && leftovers(machine).length === 0
      : result.kind === 'blocked' && name.includes('proc.') && machine.has(LOCK);
  return isFine ? [] : [violation('hung', `${what} as ${name}: ${JSON.stringify(result)}`)];
}

/** `guardless` is the disk with a guard taken out: then only what must be noticed is looked at. */
export async function judgeOddities(
  round: Round,
  guardless: Partial<Files> | undefined,
): Promise<Violation[]> {
  const found: Violation[] = [];
  const disk = { ...realFiles, ...guardless };
  const kinds = [...ODDITIES.map(({ what }) => what), 'a socket', 'not to be read'];
  for (const what of guardless === undefined ? kinds : ['a link to a sound file']) {
    for (const place of guardless === undefined ? ['lock', 'right', 'proc', 'tmp'] : ['lock']) {
      const unreadable = (name: string, flags: number) =>
        what === 'not to be read' &&
        (flags & 3) === 0 &&
        name.includes(place === 'lock' ? '/.lock-' : '/.break-')
          ? Promise.reject(errno('EACCES'))
          : disk.open(name, flags);
      const wreck = await makeWreck(round, { ...guardless, open: unreadable });
      const { at, machine, me, owner, claim } = wreck;
      const token = identityToken(place === 'proc' ? me.me : owner.me);
      const name = {
        lock: LOCK,
        right: `.break-${claim}.1`,
        proc: `.codex-worker/tmp/proc.${token}`,
        tmp: `.codex-worker/tmp/${'0'.repeat(32)}.${token}`,
      }[place];
      if (name === undefined) continue;
      await writeIdentityFile(realFiles, machine.directory, owner.me);
      if (place === 'right') await takeRight(realFiles, machine.directory, claim, 1, owner.me);
      const sound = path.join(round.scratch, `sound-${place}`);
      const source =
        place === 'lock' || place === 'right' ? name : `.codex-worker/tmp/proc.${identityToken(owner.me)}`;
      writeFileSync(sound, readFileSync(at(source)));
      if (what !== 'not to be read') {
        rmSync(at(name), { force: true });
        if (what === 'a socket') await makeSocket(round, at(name));
        else ODDITIES.find((oddity) => oddity.what === what)?.make(at(name), sound);
      }
      if (place === 'right' && what === 'a sound file with one byte more') continue; // only its first bytes are read, and they are sound
      if (place === 'lock') found.push(...(await oddLock(round, what, wreck)));
      else if (place === 'right') found.push(...(await oddRight(round, what, wreck)));
      else found.push(...(await oddPrivate(round, what, wreck, name)));
    }
  }
  return found;
}

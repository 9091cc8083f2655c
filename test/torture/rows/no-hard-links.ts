/**
 * A file system without hard links (FAT, some FUSE and shared folders): lock and right are created in place. The same
 * errors as everywhere, and kills at every call. What is documented is accepted, and nothing else: a process that was
 * killed between creating a lock or a right and filling it leaves a task that is held until `clean --force`.
 */
import { ERRNOS } from '../../rig/faulty-disk.ts';
import { openDoors } from '../../rig/made-up-machine.ts';
import { AMEND, type Files } from '../../../src/io/files.ts';
import type { Row } from '../row.ts';
import { combination, faultOf, SITUATIONS, tryEveryCall } from './disk-trials.ts';

const SITUATION_NAMES = Object.keys(SITUATIONS);
/** With these nobody dies and the disk works again at once: then nothing may be held. */
const BRIEF = new Set(['fails once', 'fails and had happened', 'writes one half and fails']);

/** A right that was created and not filled is nobody's, and stays where it is. */
const neverFilled = (files: Files): Files => ({
  ...files,
  open: (file, flags, mode) =>
    file.includes('/.break-') && flags === AMEND
      ? Promise.reject(Object.assign(new Error('EEXIST: nobody fills it'), { code: 'EEXIST' }))
      : files.open(file, flags, mode),
  unlink: async (file) => {
    const isEmptyRight = file.includes('/.break-') && (await files.lstat(file)).size === 0n;
    if (!isEmptyRight) await files.unlink(file);
  },
});

export const noHardLinks: Row = {
  name: 'no-hard-links',
  about: 'locks and rights created in place: killed at every call, and every call failing; made-up processes',
  isMadeUp: true,
  share: 1,
  systematic: SITUATION_NAMES.length * (1 + ERRNOS.length),
  controls: { 'a right that could not be filled stays as it is': 'lost' },
  round: (round) => {
    openDoors(round);
    if (round.control !== undefined)
      return tryEveryCall(
        round,
        (from) => ({
          situation: 'a new task',
          fault: { kind: 'fails', errno: 'EIO', from, calls: 1 },
          options: { hardLinks: false, weaken: neverFilled },
          mayBeHeld: false,
        }),
        ({ injected }) => round.injected('EIO fails once', injected),
      );
    const options = { hardLinks: false };
    if (round.index % 2 === 0) {
      const at = (round.index / 2 + round.seed) % SITUATION_NAMES.length;
      return tryEveryCall(
        round,
        (from) => ({
          situation: SITUATION_NAMES[at] ?? '',
          fault: { kind: 'killed', from },
          options,
          mayBeHeld: true,
        }),
        () => round.crashed('simulated', 'killed at a call'),
      );
    }
    const { situation, manner, errno } = combination(round.index * 101 + round.seed);
    return tryEveryCall(
      round,
      (from) => ({
        situation,
        fault: faultOf(manner, errno, from, round.random),
        options,
        mayBeHeld: !BRIEF.has(manner),
      }),
      ({ injected }) => round.injected(`${errno} ${manner}`, injected),
    );
  },
};

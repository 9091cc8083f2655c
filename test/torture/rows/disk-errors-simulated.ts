/**
 * The life of a task on a disk that refuses: the Nth call of a process fails, for every N until no call is left, with
 * every errno, once or for a while, with or without having happened. One round goes through all N of one situation with
 * one errno and one manner of failing.
 */
import type { Files } from '../../../src/io/files.ts';
import { openDoors } from '../../rig/made-up-machine.ts';
import type { Row } from '../row.ts';
import { combination, COMBINATIONS, faultOf, tryEveryCall } from './disk-trials.ts';

type Careless = 'fsync' | 'rename' | 'write' | 'link';

const swallow =
  (verb: Careless) =>
  (files: Files): Files => ({
    ...files,
    [verb]: async (...args: unknown[]) => {
      try {
        await (files[verb] as (...args: unknown[]) => Promise<void>)(...args);
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('made up'))) throw error;
      }
    },
  });

/** Calls whose errors a careless program takes for success; in these rounds no others fail. */
const CARELESS: Readonly<Record<string, Careless>> = {
  'an error of fsync is swallowed': 'fsync',
  'an error of rename is taken for success': 'rename',
  'an error of write is taken for success': 'write',
  'an error of link is taken for success': 'link',
};

export const diskErrorsSimulated: Row = {
  name: 'disk-errors-simulated',
  about: 'the Nth file system call fails, for every N, errno and manner; made-up processes, real engine',
  isMadeUp: true,
  share: 2,
  systematic: COMBINATIONS.length,
  controls: {
    'an error of fsync is swallowed': 'lost',
    'an error of rename is taken for success': 'lied',
    'an error of write is taken for success': 'lost',
    'an error of link is taken for success': 'double', // the agent works without a lock
  },
  round: (round) => {
    openDoors(round);
    // Neighbours differ in everything, so that a short run sees some of each.
    const at = round.index * 101 + (round.control === undefined ? round.seed : 0);
    const { situation, manner, errno } = combination(at);
    const careless = CARELESS[round.control ?? ''];
    const options = careless ? { weaken: swallow(careless) } : {};
    const only = careless ? { only: careless } : {};
    return tryEveryCall(
      round,
      (from) => ({
        situation,
        fault: { ...faultOf(manner, errno, from, round.random), ...only },
        options,
        mayBeHeld: false,
      }),
      ({ injected }) => round.injected(`${errno} ${manner}`, injected),
    );
  },
};

/** Looks that a timer repeats: one that the disk refuses must neither end the run nor be kept from it. */
import { errnoOf, isSystemError } from '../core/errors.ts';

/**
 * The same look, as one for a timer to call: what the system refuses is told, once until a look succeeds again, and there is
 * no answer then. What is no error of the system is a bug, and is thrown.
 */
export function tolerant<T>(
  look: () => Promise<T>,
  onTrouble: (code: string) => void,
): () => Promise<T | undefined> {
  let isTold = false;
  return async () => {
    try {
      const answer = await look();
      isTold = false;
      return answer;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!isTold) onTrouble(errnoOf(error));
      isTold = true;
      return undefined;
    }
  };
}

/**
 * The weather over the scripted model: what becomes of a request whatever it asks, whoever sends it. It is a list of
 * spells. Each begins with a request, counted among those that came in fair weather, so that a slow night and a fast one
 * meet as much of it; a spell that lasts is counted in seconds from there.
 */
import { unreachable } from '../../src/core/unreachable.ts';
import type { HttpFailure } from './directives.ts';

export type Spell = { readonly from: number } &
  /** The usage limit, as every request hears it. */
  (
    | { readonly kind: 'limit'; readonly seconds: number }
    /** Too many requests at a time. */
    | { readonly kind: 'busy'; readonly seconds: number }
    | { readonly kind: 'down'; readonly seconds: number; readonly status: 500 | 503 }
    /** The answer to this one request breaks off, never comes, or says that there is no such model. */
    | { readonly kind: 'cut' | 'hang' | 'model-refused' }
  );

/** What one request meets. */
export type Blow = HttpFailure | { readonly kind: 'cut' | 'hang' };

export interface Weather {
  /** The weather for a request that arrives now; `undefined` when it is fair. */
  next(): { readonly spell: Spell; readonly blow: Blow } | undefined;
  /** The spells that did come, with the time of each, ms since 1970. One that lasts ends at `to`. */
  readonly seen: readonly SeenSpell[];
}

export interface SeenSpell {
  readonly spell: Spell;
  readonly from: number;
  readonly to: number;
}

/** `now` gives ms since 1970. Spells come one at a time: one that would begin within another begins after it. */
export function openWeather(spells: readonly Spell[], now: () => number = Date.now): Weather {
  const left = spells.toSorted((a, b) => a.from - b.from);
  const seen: SeenSpell[] = [];
  let fair = 0;
  return {
    seen,
    next() {
      const at = now();
      const last = seen.at(-1);
      if (last && at < last.to) return { spell: last.spell, blow: blowOf(last, at) };
      fair += 1;
      const spell = (left[0]?.from ?? Number.POSITIVE_INFINITY) <= fair ? left.shift() : undefined;
      if (!spell) return undefined;
      const begun = { spell, from: at, to: 'seconds' in spell ? at + spell.seconds * 1_000 : at };
      seen.push(begun);
      return { spell, blow: blowOf(begun, at) };
    },
  };
}

function blowOf({ spell, to }: SeenSpell, at: number): Blow {
  const fail = (failure: Omit<HttpFailure, 'kind'>): Blow => ({ kind: 'http', ...failure });
  switch (spell.kind) {
    case 'limit':
      return fail({
        status: 429,
        reason: 'usage_limit',
        seconds: Math.ceil((to - at) / 1_000),
      });
    case 'busy':
      return fail({ status: 429, reason: 'rate_limit' });
    case 'down':
      return fail({
        status: spell.status,
        reason: spell.status === 503 ? 'server_is_overloaded' : 'server_error',
      });
    case 'model-refused':
      return fail({ status: 404, reason: 'model_not_found' });
    case 'cut':
    case 'hang':
      return { kind: spell.kind };
    default:
      return unreachable(spell);
  }
}

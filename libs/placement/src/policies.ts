/**
 * Placement policies by name (R23): each gives a slot a score, and the lowest is taken, one VM after another.
 *
 * `cost` counts seconds: an idle VM costs nothing, a boot some, and a node that lacks the image adds what one more receiver adds to the
 * distribution tree; VMs that share a host crowd each other a little. So a small image spreads a job evenly, and a large one keeps it on few
 * hosts, or on those that have it.
 */
import { cost, crowding, type CostModel, type Slot } from './slots.ts';

/** Numbers in [0, 1), reproducible from a seed. */
export type Random = () => number;

export type Policy = (slot: Slot, model: CostModel, random: Random) => number;

/** More than any sensible cost: a VM that somebody may want again is destroyed only when there is no other way. */
const lastResort = 1e6;
const fallback = (slot: Slot): number => (slot.evict.length > 0 ? lastResort : 0);

export const policies = {
  cost: (slot, model) => cost(slot, model) + crowding(slot, model) + fallback(slot),
  pack: (slot, model) => -slot.placedHere * 1e3 + slot.freeCores + cost(slot, model) / 1e3 + fallback(slot),
  spread: (slot, model) => slot.placedHere * 1e3 + cost(slot, model) / 1e3 + fallback(slot),
  random: (slot, _model, random) => random() + fallback(slot),
} satisfies Readonly<Record<string, Policy>>;

export type PolicyName = keyof typeof policies;

export const policyNames = Object.keys(policies) as readonly PolicyName[];

export function isPolicyName(name: string): name is PolicyName {
  return Object.hasOwn(policies, name);
}

/** A 32-bit xorshift generator (Marsaglia, 2003), seeded by a text. */
export function seededRandom(seed: string): Random {
  let state = 0x811c9dc5;
  for (let index = 0; index < seed.length; index++) state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193);
  state = state === 0 ? 1 : state;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Decider: the pure heart of an aggregate. `decide` turns a command into events or a refusal, `evolve` folds an event into the state.
 * Time, ids and randomness come in with the command.
 */
import type { DomainEvent } from './event-store.ts';

export type Decision<E extends DomainEvent, R extends string> =
  { readonly ok: true; readonly events: readonly E[] } | { readonly ok: false; readonly reason: R; readonly detail: string };

export interface Decider<C, E extends DomainEvent, S, R extends string = string> {
  readonly initial: S;
  decide(command: C, state: S): Decision<E, R>;
  evolve(state: S, event: E): S;
}

export function accept<E extends DomainEvent>(...events: readonly E[]): { readonly ok: true; readonly events: readonly E[] } {
  return { ok: true, events };
}

export function refuse<R extends string>(reason: R, detail: string): { readonly ok: false; readonly reason: R; readonly detail: string } {
  return { ok: false, reason, detail };
}

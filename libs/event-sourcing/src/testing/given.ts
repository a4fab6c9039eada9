/** Given these events, when this command, then these events or this refusal: how a decider's tests read. */
import { expect } from 'vitest';
import type { Decider } from '../decider.ts';
import type { DomainEvent } from '../event-store.ts';

export interface When<E extends DomainEvent, S, R extends string> {
  /** Accepted, with exactly these events. */
  then(...events: readonly E[]): void;
  thenRefused(reason: R): void;
  /** Accepted without an event: the command asks for what is already so. */
  thenNothing(): void;
  /** Accepted; the state after its events. */
  thenState(check: (state: S) => void): void;
}

export interface Given<C, E extends DomainEvent, S, R extends string> {
  readonly state: S;
  when(command: C): When<E, S, R>;
}

/** `given(decider, [events]).when(command).then(events)`. The object is no promise: do not await it. */
export function given<C, E extends DomainEvent, S, R extends string>(
  decider: Decider<C, E, S, R>,
  history: readonly E[] = [],
): Given<C, E, S, R> {
  const state = history.reduce((folded: S, event) => decider.evolve(folded, event), decider.initial);
  return {
    state,
    when(command) {
      const decision = decider.decide(command, state);
      return {
        then: (...events) => expect(decision).toEqual({ ok: true, events }),
        thenNothing: () => expect(decision).toEqual({ ok: true, events: [] }),
        thenRefused: (reason) => expect(decision).toMatchObject({ ok: false, reason }),
        thenState(check) {
          if (!decision.ok) throw new Error(`the command was refused: ${decision.reason}: ${decision.detail}`);
          check(decision.events.reduce((folded: S, event) => decider.evolve(folded, event), state));
        },
      };
    },
  };
}

import type { DomainEvent } from '@verbena/event-sourcing';

export interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  /** `at` in milliseconds since 1970. */
  readonly data: D & { readonly at: number };
}

export interface Command<T extends string, D> {
  readonly type: T;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly data: D;
}

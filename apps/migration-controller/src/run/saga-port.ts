/** What a saga of this service writes to, waits by, and is traced with. */
import { assertWritten, type SagaPort } from '@verbena/event-sourcing';
import { inSpan, type Clock } from '@verbena/service-kit';
import type { Tracer } from '@opentelemetry/api';
import { mayPass, messageOf } from './work.ts';

export interface SagaPortParts<S, C> {
  readonly id: string;
  readonly kind: 'migration' | 'checkpoint';
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** Why it waits now, for people. */
  readonly waits: Map<string, string>;
  readonly state: () => S;
  readonly execute: (command: C) => Promise<Parameters<typeof assertWritten>[0]>;
  /** Tells whoever watches that its waiting has changed. */
  readonly touch: () => void;
}

export function sagaPort<S, C>({ id, kind, clock, tracer, waits, state, execute, touch }: SagaPortParts<S, C>): SagaPort<S, C> {
  return {
    state,
    commit: async (commands) => {
      for (const command of commands) assertWritten(await execute(command));
    },
    mayPass,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    waits: (step, error) => {
      if (error === undefined) waits.delete(id);
      else waits.set(id, `waits in "${step}": ${messageOf(error)}`);
      touch();
    },
    around: (step, direction, run) =>
      inSpan(tracer, `${direction} step`, { [`verbena.${kind}.id`]: id, [`verbena.${kind}.step`]: step }, run),
  };
}

/** Why a step failed, as the log keeps it: bounded. */
export const failureOf = ({ step, cause }: { readonly step: string; readonly cause?: unknown }): string =>
  `${step}: ${messageOf(cause)}`.slice(0, 1_000);

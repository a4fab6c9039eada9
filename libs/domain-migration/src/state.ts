/**
 *   none --Planned--> planned;  none --Refused--> refused
 *
 *   none --Started--> copying --Suspended--> suspended --HandedOver--> handed-over --Completed--> completed
 *                     | ^  |                    |                          |
 *      RoundDone, Quiescing +--------+----------+                          +--Failed--> failed (the target was lost)
 *                                    v
 *                                Undoing --> undoing --> failed | cancelled
 *
 * Until the hand-over the VM is the source's, and everything can be taken back; from there on it is the target's, and there is no way back.
 */
import type { Copied, MigrationEvent, MigrationPlan, Route } from './events.ts';

export interface Progress extends MigrationPlan {
  readonly startedAt: number;
  readonly rounds: readonly (Copied & { readonly left: number })[];
  /** When the job's ranks were asked to stop their channels. */
  readonly quiescingAt: number | undefined;
  /** What was sent while the guest stood. */
  readonly last: Copied | undefined;
  /** When the guest had been suspended. */
  readonly suspendedAt: number | undefined;
}

export type MigrationState =
  | { readonly status: 'none' }
  | (Route & { readonly status: 'planned' })
  | (Route & { readonly status: 'refused'; readonly obstacles: readonly string[] })
  | (Progress & { readonly status: 'copying' | 'suspended' | 'handed-over' })
  | (Progress & { readonly status: 'undoing'; readonly cause: 'failed' | 'cancelled'; readonly why: string })
  | (Progress & { readonly status: 'failed' | 'cancelled'; readonly why: string; readonly endedAt: number })
  | (Progress & { readonly status: 'completed'; readonly downtimeMs: number; readonly pauseMs: number; readonly endedAt: number });

/** One that was started. */
export type KnownMigration = Extract<MigrationState, Progress>;
export type LiveMigration = Extract<KnownMigration, { status: 'copying' | 'suspended' | 'handed-over' | 'undoing' }>;

export const noMigration: MigrationState = { status: 'none' };

export function isKnownMigration(state: MigrationState): state is KnownMigration {
  return state.status !== 'none' && state.status !== 'planned' && state.status !== 'refused';
}

/** Whether something is still to be done for it. */
export function isLiveMigration(state: MigrationState): state is LiveMigration {
  return isKnownMigration(state) && !migrationEnded(state);
}

export function migrationEnded({ status }: MigrationState): boolean {
  return status === 'refused' || status === 'completed' || status === 'failed' || status === 'cancelled';
}

export function evolveMigration(state: MigrationState, event: MigrationEvent): MigrationState {
  switch (event.type) {
    case 'MigrationPlanned':
      return { status: 'planned', ...routeOf(event.data) };
    case 'MigrationRefused':
      return { status: 'refused', ...routeOf(event.data), obstacles: event.data.obstacles };
    case 'MigrationStarted': {
      const { at, ...plan } = event.data;
      return { status: 'copying', ...plan, startedAt: at, rounds: [], quiescingAt: undefined, last: undefined, suspendedAt: undefined };
    }
    default:
      return isKnownMigration(state) ? evolveKnown(state, event) : state;
  }
}

type Later = Exclude<MigrationEvent, { type: 'MigrationPlanned' | 'MigrationRefused' | 'MigrationStarted' }>;

function evolveKnown(state: KnownMigration, event: Later): MigrationState {
  switch (event.type) {
    case 'MigrationRoundDone': {
      const { pages, bytes, ms, left } = event.data;
      return { ...state, rounds: [...state.rounds, { pages, bytes, ms, left }] };
    }
    case 'MigrationQuiescing':
      return { ...state, quiescingAt: event.data.at };
    case 'MigrationSuspended': {
      const { at, ...last } = event.data;
      return { ...state, status: 'suspended', last, suspendedAt: at };
    }
    case 'MigrationHandedOver':
      return { ...state, status: 'handed-over' };
    case 'MigrationCompleted': {
      const { downtimeMs, pauseMs, at } = event.data;
      return { ...state, status: 'completed', downtimeMs, pauseMs, endedAt: at };
    }
    case 'MigrationUndoing':
      return { ...state, status: 'undoing', cause: event.data.cause, why: event.data.reason };
    case 'MigrationFailed':
      return { ...state, status: 'failed', why: event.data.reason, endedAt: event.data.at };
    case 'MigrationCancelled':
      return { ...state, status: 'cancelled', why: event.data.reason, endedAt: event.data.at };
    default:
      return event satisfies never;
  }
}

function routeOf({ vmId, sourceNodeId, targetNodeId }: Route): Route {
  return { vmId, sourceNodeId, targetNodeId };
}

/** What the steps of a migration work with. */
import { Code, ConnectError, type Client } from '@connectrpc/connect';
import { migrationv1 } from '@verbena/contracts';
import type { Copied, KnownMigration } from '@verbena/domain-migration';
import { isLive, type VmState } from '@verbena/domain-vm';
import { EventStoreError, type Loaded } from '@verbena/event-sourcing';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import type { Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { HandOverRefused, type Migrations } from '../migrations.ts';
import type { Admission, AdmissionLimits } from './admission.ts';
import type { Turns } from './turns.ts';

export interface MigrationConfig {
  /** For one call, in milliseconds. */
  readonly callMs: number;
  /** How long the ranks of a job may take to stop their channels. */
  readonly quiesceMs: number;
  /** Rounds of pre-copy end when the rest is thought to take no longer. */
  readonly downtimeMs: number;
  readonly mostRounds: number;
  /** For how long a node that does not answer is asked to take back its part; then it asks the log itself. */
  readonly undoMs: number;
  /** Migrations at a time. */
  readonly limits: AdmissionLimits;
}

export const defaultConfig: MigrationConfig = {
  ...{ callMs: 30_000, quiesceMs: 10_000, downtimeMs: 2, mostRounds: 20, undoMs: 20_000 },
  limits: { perNode: 4, inAll: 32 },
};

export interface MigrationPorts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly config: MigrationConfig;
  readonly migrations: Migrations;
  /** One migration at a time has the ranks of a job stand still. */
  readonly turns: Turns;
  readonly admission: Admission;
  /** Why a migration waits now, for people. */
  readonly waits: Map<string, string>;
  readonly stopping: AbortSignal;
}

export interface Work {
  readonly id: string;
  readonly ports: MigrationPorts;
  migration(): KnownMigration;
  /** What the scheduler has told of the job in this life of the controller. */
  place: migrationv1.ReserveMoveResponse | undefined;
  /** Where the target listens. */
  door: migrationv1.PrepareIncomingResponse | undefined;
  /** Turns that had been given when the scheduler told of the job. */
  turnsSeen: number | undefined;
  /** The number under which ranks stand still. */
  epoch: number | undefined;
  /** What was sent while the guest stood; the target has brought it up then. */
  sent: Copied | undefined;
  /** The VM's story as it was when the guest was suspended. */
  vm: Loaded<VmState> | undefined;
  /** Where everyone is after the move. */
  settled: migrationv1.SettleMoveResponse | undefined;
  /** When all ranks had been told to go on after the move, in milliseconds since 1970; undefined when an earlier life of the controller told them. */
  releasedAt: number | undefined;
  /** Gives the place among the migrations at a time back. */
  depart: (() => void) | undefined;
  /** Gives the job's turn back. */
  leave: (() => void) | undefined;
}

export type Agent = Client<typeof migrationv1.MigrationAgentService>;

export function agentOf({ ports }: Work, nodeId: string): Agent {
  return ports.bus.client(migrationv1.MigrationAgentService, nodeId);
}

/** After the hand-over the VM has ended: there is nothing left to move. */
export class VmGone extends Error {
  override readonly name = 'VmGone';
}

/** @throws {VmGone} when what failed can never succeed, since the VM is no more */
export async function unlessGone<T>({ ports, migration }: Work, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const { vmId } = migration();
    const { state: vm } = await ports.migrations.vm(vmId);
    if (!isLive(vm)) throw new VmGone(`VM ${vmId} is ${vm.status}${'reason' in vm ? `: ${vm.reason}` : ''}`, { cause: error });
    throw error;
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return error.rawMessage;
  return error instanceof Error ? error.message : String(error);
}

const passing: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded]);

/** Whether what was asked may be granted when it is asked again. */
export function mayPass(error: unknown): boolean {
  if (error instanceof HandOverRefused || error instanceof VmGone) return false;
  if (error instanceof EventStoreError) return error.problem !== 'failed';
  return passing.has(ConnectError.from(error).code);
}

/** What a controller asks for, as the parts that move memory know it. */
import { durationMs } from '@bufbuild/protobuf/wkt';
import { migrationv1 } from '@verbena/contracts';
import { pageBytes, type ConvergencePolicy } from '@verbena/live-migration';
import { Refusal } from '../errors.ts';
import type { Transfer } from './outgoing.ts';

const { MigrationTransport, WhenTooFast } = migrationv1;
const usualClusterBytes = 256 * 1024;
const defaultDowntimeMs = 2;
const defaultRounds = 20;

/** @throws {Refusal} invalid, for clusters that are no number of pages */
export function transferOf(wire: migrationv1.MigrationTransfer | undefined): Transfer {
  const { transport, clusterBytes = 0, compression = 0 } = wire ?? {};
  if (clusterBytes % pageBytes !== 0) throw new Refusal('invalid', `clusters of ${String(clusterBytes)} bytes are no number of pages`);
  return {
    transport: transport === MigrationTransport.RDMA ? 'rdma' : 'tcp',
    clusterBytes: clusterBytes || usualClusterBytes,
    compression,
  };
}

export function policyOf({ downtime, mostRounds, transfer }: migrationv1.PrecopyRequest): ConvergencePolicy {
  const whenTooFast = transfer?.whenTooFast;
  return {
    downtimeMs: downtime === undefined ? defaultDowntimeMs : durationMs(downtime),
    mostRounds: mostRounds || defaultRounds,
    whenTooFast: whenTooFast === WhenTooFast.THROTTLE ? 'throttle' : whenTooFast === WhenTooFast.GIVE_UP ? 'give-up' : 'suspend',
  };
}

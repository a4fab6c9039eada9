/** A migration in words. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { migrationv1 } from '@verbena/contracts';
import { localTime } from '../terminal/times.ts';
import { humanBytes } from '../terminal/units.ts';

type Migration = migrationv1.Migration;
const { MigrationDesign, MigrationTransport, WhenTooFast } = migrationv1;

const ms = (duration: Duration | undefined): string => (duration === undefined ? '' : `${durationMs(duration).toFixed(0)} ms`);

/** What has been sent, and how long the VM stood. */
export function stateOf({ rounds, last, downtime }: Migration): {
  readonly bytes: bigint;
  readonly pages: bigint;
  readonly downtime: string;
} {
  const copies = last === undefined ? rounds : [...rounds, last];
  const sum = (of: 'bytes' | 'pages'): bigint => copies.reduce((total, copy) => total + copy[of], 0n);
  return { bytes: sum('bytes'), pages: sum('pages'), downtime: ms(downtime) };
}

const counted = (count: number, thing: string): string => `${String(count)} ${thing}${count === 1 ? '' : 's'}`;

/** How it ended, in one line. */
export function outcome(migration: Migration): string {
  const { id, vmId, sourceNodeId, targetNodeId, phase, rounds, pause, detail } = migration;
  const { bytes, downtime } = stateOf(migration);
  // After the hand-over only the VM's own end can end the migration otherwise.
  if (phase === 'failed' && detail.includes(`VM ${vmId} is `)) return `${vmId} is gone: ${id} failed (${detail})`;
  if (phase !== 'completed') return `${vmId} stays on ${sourceNodeId}: ${id} ${phase} (${detail})`;
  const sent = `${humanBytes(bytes)} in ${counted(rounds.length, 'round')} and a rest`;
  return `${vmId} is on ${targetNodeId}: ${sent}, stood for ${downtime}, its job for ${ms(pause)}`;
}

const pageBytes = 4_096;

/** How its memory travels, in words. */
function travels({ transport, clusterBytes, compression, whenTooFast, design }: migrationv1.MigrationTransfer): string {
  const policies: Readonly<Record<migrationv1.WhenTooFast, string>> = {
    [WhenTooFast.UNSPECIFIED]: '',
    [WhenTooFast.SUSPEND]: '',
    [WhenTooFast.THROTTLE]: ', throttled when it writes too fast',
    [WhenTooFast.GIVE_UP]: ', given up when it writes too fast',
  };
  const way = transport === MigrationTransport.RDMA ? 'RDMA' : 'TCP';
  const size = clusterBytes === pageBytes ? ', page by page' : '';
  const ranks = design === MigrationDesign.PE ? '; ranks stop in MPI calls only' : '';
  return `over ${way}${size}${compression === 0 ? '' : `, compressed (${String(compression)})`}${policies[whenTooFast]}${ranks}`;
}

export function migrationLines(migration: Migration): string[] {
  const { id, vmId, jobId, rank, sourceNodeId, targetNodeId, phase, detail, reason, rounds, last, startedAt, endedAt, pause, transfer } =
    migration;
  const { downtime } = stateOf(migration);
  const row = (name: string, copy: migrationv1.MigrationRound): string => {
    const cells = [
      String(copy.pages).padStart(8),
      humanBytes(copy.bytes).padStart(10),
      ms(copy.duration).padStart(10),
      String(copy.left).padStart(8),
    ];
    return `${name.padEnd(8)}${cells.join('')}`;
  };
  const table = [...rounds.map((copy, index) => row(String(index + 1), copy)), ...(last === undefined ? [] : [row('rest', last)])];
  return [
    `${id}: ${phase}${detail === '' ? '' : `, ${detail}`}`,
    `VM       ${vmId}, rank ${String(rank)} of ${jobId}`,
    `Route    ${sourceNodeId} -> ${targetNodeId}`,
    ...(transfer === undefined ? [] : [`Memory   ${travels(transfer)}`]),
    ...(reason === '' ? [] : [`Reason   ${reason}`]),
    `Time     ${localTime(startedAt)}${endedAt === undefined ? '' : ` to ${localTime(endedAt)}`}`,
    ...(downtime === '' ? [] : [`Stood    the VM ${downtime}, its job ${ms(pause)}`]),
    ...(table.length === 0 ? [] : ['', 'ROUND      PAGES     BYTES      TIME    LEFT', ...table]),
  ];
}

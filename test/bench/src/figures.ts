/** The figures of the first milestone: what is measured, against whom, and how far it should go. */
import type { Figure, Side } from './figure.ts';
import type { Ours } from './ours.ts';
import { nasSeconds, value, type Peers } from './peers.ts';
import type { RoundTrips } from './rpc.ts';

const program = (name: string): string => new URL(`../programs/${name}.c`, import.meta.url).pathname;
const example = (name: string): string => new URL(`../../../examples/${name}.c`, import.meta.url).pathname;
const nas = (name: string): string => new URL(`../../guests/nas/${name}.c`, import.meta.url).pathname;
const mpichMissing = 'MPICH is not installed (Debian: apt-get install mpich)';

interface Call {
  readonly name: string;
  /** What programs/collective.c measures, and with how many bytes. */
  readonly what: string;
  readonly bytes: number;
  readonly ranks: number;
  readonly rounds: number;
  /** Fewer where the peer takes long: its ranks poll, and 16 of them share two cores. */
  readonly peerRounds?: number;
  readonly floor: number;
  readonly aim: number;
  /** Where our ranks are; the adapter when nothing is said. */
  readonly where?: 'adapter' | 'channels';
}

const crowded = { ranks: 16, floor: 0.5, aim: 0.1 };
const pair = { ranks: 2, floor: 1.2, aim: 0.7 };
/** The MPI library beside MPICH over shared memory. */
const short: readonly Call[] = [
  { name: '8 B messages in windows of 64', what: 'rate', bytes: 8, rounds: 20_000, ...pair, floor: 2, aim: 1 },
  { name: '8 B Allreduce, 2 ranks', what: 'allreduce', bytes: 8, rounds: 100_000, ...pair },
  { name: '64 KiB Allreduce, 2 ranks', what: 'allreduce', bytes: 1 << 16, rounds: 5000, ...pair },
  { name: '4 MiB Allreduce, 2 ranks', what: 'allreduce', bytes: 1 << 22, rounds: 60, ...pair },
  { name: '1 KiB Alltoall, 2 ranks', what: 'alltoall', bytes: 1 << 10, rounds: 20_000, ...pair },
  { name: '1 MiB vector of every second double, half round trip', what: 'vector', bytes: 1 << 20, rounds: 200, ...pair },
  { name: '8 B put and flush, 2 ranks', what: 'put', bytes: 8, rounds: 20_000, ...pair },
];
/** The same between the VMs of one host, which is what MPICH's ranks are. */
const neighbours = short.map((call): Call => ({ ...call, name: `${call.name}, one host`, where: 'channels' }));
const collectives: readonly Call[] = [
  ...short,
  ...neighbours,
  { name: '64 KiB Allreduce, 16 ranks', what: 'allreduce', bytes: 1 << 16, rounds: 50, peerRounds: 4, ...crowded },
  { name: '4 MiB Allreduce, 16 ranks', what: 'allreduce', bytes: 1 << 22, rounds: 3, peerRounds: 1, ...crowded },
  { name: '1 KiB Alltoall, 16 ranks', what: 'alltoall', bytes: 1 << 10, rounds: 100, peerRounds: 4, ...crowded },
];

export function figures(ours: Ours, peers: Peers, trips: RoundTrips): readonly Figure[] {
  const latency = ['latency', '8', '200000'];
  const tcpLatency = ['latency', '8', '10000'];
  const bandwidth = ['bandwidth', String(1 << 20), '200'];
  const side = (
    source: string,
    ranks: number,
    args: readonly string[],
    read: (output: string) => number,
    processes = 0,
    where?: Call['where'],
  ): Side => ({
    name: 'verbena',
    measure: async () => read(await ours.run(source, ranks, args, processes, where)),
  });
  const mpich = (
    source: string,
    ranks: number,
    args: readonly string[],
    read: (output: string) => number,
    transport?: 'shm' | 'tcp',
  ): Side => ({
    name: 'mpich',
    measure: peers.mpich && (async () => read(await peers.mpich!(source, ranks, args, transport))),
    missing: mpichMissing,
  });
  const us = (output: string): number => value(output, 'latency_us');
  const megabytes = (output: string): number => value(output, 'bandwidth_mb_s');
  const call = (output: string): number => value(output, 'call_us');
  const reduce = (output: string): number => value(output, 'allreduce_us');
  return [
    {
      name: '8 B half round trip, MPICH shm',
      unit: 'us',
      ours: side(program('pingpong'), 2, latency, us),
      peer: mpich(program('pingpong'), 2, latency, us),
      smallerIsBetter: true,
      floor: 3,
      aim: 0.7,
      rounds: 7,
    },
    {
      name: '8 B half round trip, one host, MPICH shm',
      unit: 'us',
      ours: side(program('pingpong'), 2, latency, us, 0, 'channels'),
      peer: mpich(program('pingpong'), 2, latency, us),
      smallerIsBetter: true,
      floor: 1,
      aim: 0.5,
      rounds: 7,
    },
    {
      name: '8 B half round trip, MPICH tcp',
      unit: 'us',
      ours: side(program('pingpong'), 2, latency, us),
      peer: mpich(program('pingpong'), 2, tcpLatency, us, 'tcp'),
      smallerIsBetter: true,
      floor: 0.2,
      aim: 0.02,
      rounds: 5,
    },
    {
      name: '1 MiB bandwidth, MPICH shm',
      unit: 'MB/s',
      ours: side(program('pingpong'), 2, bandwidth, megabytes),
      peer: mpich(program('pingpong'), 2, bandwidth, megabytes),
      smallerIsBetter: false,
      floor: 1,
      aim: 2.5,
      rounds: 5,
    },
    {
      name: '8 B half round trip between two processes, MPICH tcp',
      unit: 'us',
      ours: side(program('pingpong'), 2, tcpLatency, us, 2),
      peer: mpich(program('pingpong'), 2, tcpLatency, us, 'tcp'),
      smallerIsBetter: true,
      floor: 3,
      aim: 1,
      rounds: 5,
    },
    {
      name: '1 MiB bandwidth between two processes, MPICH tcp',
      unit: 'MB/s',
      ours: side(program('pingpong'), 2, bandwidth, megabytes, 2),
      peer: mpich(program('pingpong'), 2, bandwidth, megabytes, 'tcp'),
      smallerIsBetter: false,
      floor: 0.5,
      aim: 1,
      rounds: 5,
    },
    ...['ep', 'is', 'cg', 'ft', 'mg', 'lu', 'sp', 'bt'].map((name) => ({
      name: `NAS ${name.toUpperCase()} class A, 2 ranks`,
      unit: 's',
      ours: side(nas(name), 2, ['A'], nasSeconds),
      peer: mpich(nas(name), 2, ['A'], nasSeconds),
      smallerIsBetter: true,
      floor: 1.3,
      aim: 1.05,
      rounds: 3,
    })),
    {
      name: 'Linpack, N = 2000, 2 ranks',
      unit: 's',
      ours: side(example('hpl'), 2, ['2000', '64'], nasSeconds),
      peer: mpich(example('hpl'), 2, ['2000', '64'], nasSeconds),
      smallerIsBetter: true,
      floor: 1.3,
      aim: 1.05,
      rounds: 5,
    },
    {
      name: 'VM create to first instruction, warm',
      unit: 'us',
      ours: { name: 'verbena', measure: () => ours.bootMicroseconds() },
      peer: {
        name: 'fork and exec',
        measure: peers.native && (async () => value(await peers.native!(program('spawn'), ['50']), 'spawn_us')),
        missing: 'gcc is not installed',
      },
      smallerIsBetter: true,
      floor: { absolute: 5000 },
      aim: 1,
      rounds: 7,
    },
    {
      name: '16 ranks on 2 cores, 8 B Allreduce',
      unit: 'us',
      ours: side(program('allreduce'), 16, ['200'], reduce),
      peer: mpich(program('allreduce'), 16, ['10'], reduce),
      smallerIsBetter: true,
      floor: 1,
      aim: 0.2,
      rounds: 3,
    },
    ...collectives.map(({ what, bytes, ranks, rounds, peerRounds, floor, aim, name, where }) => ({
      name,
      unit: 'us',
      ours: side(program('collective'), ranks, [what, String(bytes), String(rounds)], call, 0, where),
      peer: mpich(program('collective'), ranks, [what, String(bytes), String(peerRounds ?? rounds)], call),
      smallerIsBetter: true,
      floor,
      aim,
      rounds: 3,
    })),
    {
      name: 'RPC over NATS, round trip',
      unit: 'us',
      ours: { name: 'verbena', measure: () => trips.ours() },
      peer: { name: 'plain NATS request', measure: () => trips.plain() },
      smallerIsBetter: true,
      floor: 1.5,
      aim: 1.1,
      rounds: 11,
    },
  ];
}

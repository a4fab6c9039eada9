/** What StartRanks asks for, checked and with defaults, in the words of this package. */
import { jobv1, type nodev1 } from '@verbena/contracts';
import type { AdapterShare } from '@verbena/domain-vm';
import type { IoPath, World } from '@verbena/hypervisor';
import { checkpointId, jobId, vmId } from '@verbena/ids';
import { Refusal } from '../errors.ts';
import type { InputFile } from './scratch.ts';

export interface JobStart {
  readonly jobId: string;
  /** Which start of the job this is, from 1. */
  readonly attempt: number;
  readonly ranks: readonly { readonly rank: number; readonly vmId: string }[];
  /** Node id of every rank of the job, by rank. */
  readonly nodesByRank: readonly string[];
  readonly pkey: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard input of rank 0. */
  readonly stdin: Uint8Array;
  readonly inputFiles: readonly InputFile[];
  readonly outputLimitBytes: number;
  readonly scratchBytes: number;
  readonly ioPath: IoPath;
  /** What its VMs get of the node's port; what all get when absent. */
  readonly ioShare?: AdapterShare;
  /** Processes that the job might have at once; 0 when nobody knows. */
  readonly universe: number;
  /** The ranks go on from a checkpoint instead of beginning. */
  readonly from?: StartFrom;
}

/** What a running job gets. */
export interface JobGrowth {
  readonly nodesByRank: readonly string[];
  /** Those that are to run here. */
  readonly ranks: readonly { readonly rank: number; readonly vmId: string; readonly args: readonly string[]; readonly appNumber: number }[];
  /** Ranks that have left the job. */
  readonly gone: readonly number[];
  /** Of all new ranks. */
  readonly world: Omit<World, 'appNumber'>;
  /** Made by the others so far. */
  readonly rendezvous: number;
}

export interface StartFrom {
  readonly checkpointId: string;
  /** The job that it is of, and which start of it. */
  readonly jobId: string;
  readonly attempt: number;
  /** Under which the ranks stopped their channels. */
  readonly epoch: number;
}

/** Used when the job does not say; the scheduler normally fills in the cluster's default. */
const defaultOutputLimitBytes = 256 * 1024 * 1024;
const scratchBytes = 1024 * 1024 * 1024;

/** @throws Refusal('invalid') or a TypeError that says what is wrong with the request */
export function jobGrowth(request: nodev1.GrowRanksRequest, start: JobStart, nodeId: string): JobGrowth {
  const { worldFirst: first, worldSize: size, firstSize, parent, universe, gone, rendezvous } = request;
  const { nodesByRank } = start;
  const last = first + size;
  for (const { rank } of request.ranks)
    if (nodesByRank[rank] !== nodeId || rank < first || rank >= last)
      throw new Refusal('invalid', `rank ${String(rank)} of ${start.jobId} is not one of the new ones on ${nodeId}`);
  if (last !== nodesByRank.length || firstSize > first || parent >= first)
    throw new Refusal('invalid', `${start.jobId} cannot grow in this way`);
  const ranks = request.ranks.map((each) => ({ rank: each.rank, vmId: vmId(each.vmId), args: each.args, appNumber: each.appNumber }));
  return { nodesByRank, ranks, gone, rendezvous, world: { first, size, firstSize, parent, universe } };
}

/** @throws Refusal('invalid') or a TypeError that says what is wrong with the request */
export function jobStart(request: nodev1.StartRanksRequest, nodeId: string): JobStart {
  const { spec, nodesByRank } = request;
  if (spec === undefined) throw new Refusal('invalid', `StartRanks of ${request.jobId} has no job specification`);
  const seen = new Set<number>();
  for (const { rank } of request.ranks) {
    if (nodesByRank[rank] !== nodeId || seen.has(rank))
      throw new Refusal('invalid', `rank ${String(rank)} of ${request.jobId} is not placed on ${nodeId}, or named twice`);
    seen.add(rank);
  }
  return {
    jobId: jobId(request.jobId),
    attempt: request.attempt || 1,
    ranks: request.ranks.map((rank) => ({ rank: rank.rank, vmId: vmId(rank.vmId) })),
    nodesByRank,
    pkey: request.pkey,
    args: [spec.name === '' ? 'program' : spec.name, ...spec.args],
    env: { ...spec.env },
    stdin: spec.stdin,
    inputFiles: spec.inputFiles,
    outputLimitBytes: spec.outputLimitBytes === 0n ? defaultOutputLimitBytes : Number(spec.outputLimitBytes),
    scratchBytes,
    ioPath: pathOf(spec.ioPath),
    ...ioShareOf(spec),
    universe: request.universe,
    ...(request.startFrom !== undefined && { from: startFrom(request.startFrom) }),
  };
}

function ioShareOf({ ioWeight, ioBytesPerSecond }: jobv1.JobSpec): Pick<JobStart, 'ioShare'> {
  if (ioWeight === 0 && ioBytesPerSecond === 0n) return {};
  return { ioShare: { weight: Math.max(1, ioWeight), bytesPerSecond: Number(ioBytesPerSecond) } };
}

function startFrom({ checkpointId: id, jobId: of, attempt, epoch }: nodev1.StartFrom): StartFrom {
  return { checkpointId: checkpointId(id), jobId: jobId(of), attempt, epoch };
}

const paths: Readonly<Record<jobv1.IoPath, IoPath>> = {
  [jobv1.IoPath.UNSPECIFIED]: 'bypass',
  [jobv1.IoPath.BYPASS]: 'bypass',
  [jobv1.IoPath.NATIVE]: 'native',
  [jobv1.IoPath.VMM]: 'vmm',
  [jobv1.IoPath.SPLIT]: 'split',
  [jobv1.IoPath.ETHERNET]: 'ethernet',
  [jobv1.IoPath.SRIOV]: 'sriov',
  [jobv1.IoPath.IVC]: 'ivc',
};

function pathOf(path: jobv1.IoPath): IoPath {
  const known = (paths as Readonly<Record<number, IoPath | undefined>>)[path];
  if (known === undefined) throw new Refusal('invalid', `this node has no I/O path ${String(path)}: it is older than the scheduler`);
  return known;
}

/** Hosts are numbered in the order in which ranks first use them. */
export function localityOf(nodesByRank: readonly string[], nodeId: string): { hostIndex: number; hosts: number } {
  const hosts = [...new Set(nodesByRank)];
  return { hostIndex: hosts.indexOf(nodeId), hosts: hosts.length };
}

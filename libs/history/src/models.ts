/** The entities of a cluster as read models, folded by the same code that the services decide with. */
import { checkpointSettled, evolveCheckpoint, noCheckpoint, type CheckpointState } from '@verbena/domain-checkpoint';
import { evolveDistribution, evolveImage, noDistribution, noImage, type DistributionState, type ImageState } from '@verbena/domain-image';
import { evolveJob, hasEnded, noJob, type JobState, type RankEnd } from '@verbena/domain-job';
import { evolveMigration, migrationEnded, noMigration, type MigrationState } from '@verbena/domain-migration';
import { evolveNode, unknownNode, type NodeState } from '@verbena/domain-node';
import { evolveVm, isLive, noVm, type VmState } from '@verbena/domain-vm';
import type { Description, DomainEvent, EntityModel } from '@verbena/event-sourcing';
import { checkpointEvents, distributionEvents, imageEvents, jobEvents, migrationEvents, nodeEvents, vmEvents } from './catalogue.ts';

interface Aggregate<S, E extends DomainEvent> {
  readonly name: string;
  readonly version: number;
  readonly prefix: string;
  readonly initial: S;
  readonly types: object;
  evolve(state: S, event: E): S;
  describe(state: S): Partial<Description> & { readonly status: string };
  /** As it is when absent: a state that JSON carries. */
  encode?(state: S): unknown;
  decode?(kept: never): S;
}

/** Events of types that the aggregate does not know, written by a newer program, change nothing. */
function model<S, E extends DomainEvent>(aggregate: Aggregate<S, E>): EntityModel<S> {
  const { name, version, prefix, initial, types } = aggregate;
  return {
    name,
    version,
    prefix,
    initial,
    evolve: (state, { event }) => (Object.hasOwn(types, event.type) ? aggregate.evolve(state, event as E) : state),
    describe: (state) => ({ name: '', jobId: '', nodeId: '', ended: false, ...aggregate.describe(state) }),
    encode: (state) => (aggregate.encode === undefined ? state : aggregate.encode(state)),
    decode: (kept) => (aggregate.decode === undefined ? (kept as S) : aggregate.decode(kept as never)),
  };
}

type KeptJob = Omit<Exclude<JobState, { status: 'none' }>, 'ends'> & { readonly ends: readonly RankEnd[] };

export const jobs = model<JobState, Parameters<typeof evolveJob>[1]>({
  name: 'jobs',
  version: 4,
  prefix: 'job-',
  initial: noJob,
  types: jobEvents,
  evolve: evolveJob,
  describe: (state) =>
    state.status === 'none' ? state : { status: state.status, name: state.spec.name, jobId: state.jobId, ended: hasEnded(state) },
  encode(state) {
    if (state.status === 'none') return state;
    const ends = [...state.ends.values()].sort((a, b) => a.rank - b.rank);
    // What a program reads is the user's, may be long, and is of no use once the ranks have it.
    return { ...state, spec: { ...state.spec, stdin: '' }, ends } satisfies KeptJob;
  },
  decode(kept: { readonly status: 'none' } | KeptJob) {
    return kept.status === 'none' ? noJob : ({ ...kept, ends: new Map((kept as KeptJob).ends.map((end) => [end.rank, end])) } as JobState);
  },
});

/** A VM with what its events tell beside their payloads. */
export type KnownVm = VmState & {
  /** The highest under which its owner wrote. */
  readonly epoch?: number;
  /** Milliseconds since 1970; absent before it booted. */
  readonly bootedAt?: number;
};

const vmStates = model<VmState, Parameters<typeof evolveVm>[1]>({
  name: 'vms',
  version: 2,
  prefix: 'vm-',
  initial: noVm,
  types: vmEvents,
  evolve: evolveVm,
  describe: (state) =>
    state.status === 'none' ? state : { status: state.status, jobId: state.jobId, nodeId: state.nodeId, ended: !isLive(state) },
});

export const vms: EntityModel<KnownVm> = {
  ...vmStates,
  decode: (kept) => kept as KnownVm,
  evolve(before, recorded) {
    const { epoch: earlier = 0, bootedAt: booted, ...state } = before;
    const bootedAt = recorded.event.type === 'VmBooted' ? recorded.time.getTime() : booted;
    const after = vmStates.evolve(state, recorded);
    return { ...after, epoch: Math.max(earlier, recorded.metadata.epoch ?? 0), ...(bootedAt !== undefined && { bootedAt }) };
  },
};

export const nodes = model<NodeState, Parameters<typeof evolveNode>[1]>({
  name: 'nodes',
  version: 1,
  prefix: 'node-',
  initial: unknownNode,
  types: nodeEvents,
  evolve: evolveNode,
  describe: (state) => (state.status === 'unknown' ? state : { status: state.status, name: state.node.name }),
});

/** Manifests and lists of chunks stay in the log: lists do not show them, and they are long. */
export const images = model<ImageState, Parameters<typeof evolveImage>[1]>({
  name: 'images',
  version: 1,
  prefix: 'image-',
  initial: noImage,
  types: imageEvents,
  evolve: evolveImage,
  describe: (state) => (state.status === 'none' ? state : { status: state.status, name: state.versions.at(-1)?.name ?? '' }),
  encode: (state) =>
    state.status === 'none' ? state : { ...state, versions: state.versions.map((version) => ({ ...version, manifest: '', chunks: [] })) },
});

export const distributions = model<DistributionState, Parameters<typeof evolveDistribution>[1]>({
  name: 'distributions',
  version: 1,
  prefix: 'dist-',
  initial: noDistribution,
  types: distributionEvents,
  evolve: evolveDistribution,
  describe: (state) =>
    state.status === 'none' ? state : { status: state.status, jobId: state.jobId, ended: state.status !== 'under-way' },
});

export const migrations = model<MigrationState, Parameters<typeof evolveMigration>[1]>({
  name: 'migrations',
  version: 2,
  prefix: 'mig-',
  initial: noMigration,
  types: migrationEvents,
  evolve: evolveMigration,
  describe: (state) =>
    state.status === 'none'
      ? state
      : { status: state.status, nodeId: state.sourceNodeId, jobId: 'jobId' in state ? state.jobId : '', ended: migrationEnded(state) },
});

export const checkpoints = model<CheckpointState, Parameters<typeof evolveCheckpoint>[1]>({
  name: 'checkpoints',
  version: 1,
  prefix: 'ckpt-',
  initial: noCheckpoint,
  types: checkpointEvents,
  evolve: evolveCheckpoint,
  describe: (state) =>
    state.status === 'none'
      ? state
      : { status: state.status, jobId: state.jobId, ended: checkpointSettled(state) && state.status !== 'stored' },
});

/** In the order in which a cluster is described. */
export const models: readonly EntityModel[] = [nodes, jobs, vms, images, distributions, migrations, checkpoints];

/** The model that a stream belongs to, by how its name begins. */
export function modelOf(stream: string): EntityModel | undefined {
  return models.find(({ prefix }) => stream.startsWith(prefix));
}

/**
 * Who may call what: one table with a row for every RPC of every contract. An RPC without a row does not compile, and a test reads the contracts
 * for services that were left out. `internal` RPCs are for services among themselves; from outside they are refused whoever asks.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { clusterv1, eventv1, imagev1, jobv1, migrationv1, nodev1, storagev1, vmv1 } from '@verbena/contracts';

/** What a caller must be: a viewer reads, a user runs jobs, an operator changes the cluster. Each includes those before it. */
export const roles = ['viewer', 'user', 'operator'] as const;
export type Role = (typeof roles)[number];
export type Access = Role | 'internal';

export interface ServiceRow {
  readonly service: DescService;
  readonly access: Readonly<Record<string, Access>>;
}

function rpcs<S extends DescService>(service: S, access: Readonly<Record<keyof S['method'] & string, Access>>): ServiceRow {
  return { service, access };
}

export const authorization: readonly ServiceRow[] = [
  rpcs(clusterv1.ClusterService, { getStatus: 'viewer' }),
  rpcs(jobv1.JobService, {
    submitJob: 'user',
    getJob: 'viewer',
    listJobs: 'viewer',
    cancelJob: 'user',
    watchJob: 'viewer',
    reportRank: 'internal',
    rendezvous: 'internal',
  }),
  rpcs(nodev1.NodeService, {
    registerNode: 'internal',
    heartbeat: 'internal',
    listNodes: 'viewer',
    drainNode: 'operator',
    resumeNode: 'operator',
  }),
  rpcs(nodev1.NodeAgentService, {
    prepareImage: 'internal',
    missingChunks: 'internal',
    receiveChunk: 'internal',
    bootVm: 'internal',
    startRanks: 'internal',
    stopRanks: 'internal',
    destroyVm: 'internal',
    listLocalVms: 'internal',
  }),
  rpcs(vmv1.VmService, { listVms: 'viewer', getVm: 'viewer' }),
  rpcs(imagev1.ImageService, {
    registerImage: 'user',
    getImage: 'viewer',
    listImages: 'viewer',
    matchImage: 'internal',
    distribute: 'internal',
  }),
  rpcs(storagev1.ChunkService, { missingChunks: 'user', putChunk: 'user', getChunk: 'viewer' }),
  rpcs(storagev1.OutputService, {
    appendOutput: 'internal',
    streamOutput: 'viewer',
    sealOutput: 'internal',
    putFile: 'internal',
    listFiles: 'viewer',
    getFile: 'viewer',
  }),
  rpcs(eventv1.EventService, { listEvents: 'viewer', followEvents: 'viewer', appendEvents: 'internal' }),
  rpcs(migrationv1.MigrationService, { checkMigration: 'viewer', listMigrations: 'viewer' }),
];

/** The access that an RPC needs; one that the table does not know is internal. */
export function accessOf(service: DescService, method: DescMethod): Access {
  const row = authorization.find((candidate) => candidate.service.typeName === service.typeName);
  return row?.access[method.localName] ?? 'internal';
}

/** Whether a caller with `has` may call what needs `needs`. */
export function permits(has: Role, needs: Access): boolean {
  return needs !== 'internal' && roles.indexOf(has) >= roles.indexOf(needs);
}

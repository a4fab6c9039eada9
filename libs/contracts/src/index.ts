/**
 * The contracts of the services, one namespace a package. Generated code stops at the adapters: domain code never imports this.
 * Regenerate with `npm run proto` after a change under `proto/`.
 */
export * as clusterv1 from './gen/verbena/cluster/v1/cluster_pb.js';
export * as eventv1 from './gen/verbena/event/v1/event_pb.js';
export * as imagev1 from './gen/verbena/image/v1/image_pb.js';
export * as jobv1 from './gen/verbena/job/v1/job_pb.js';
export * as migrationv1 from './gen/verbena/migration/v1/migration_pb.js';
export * as nodev1 from './gen/verbena/node/v1/node_pb.js';
export * as storagev1 from './gen/verbena/storage/v1/storage_pb.js';
export * as vmv1 from './gen/verbena/vm/v1/vm_pb.js';

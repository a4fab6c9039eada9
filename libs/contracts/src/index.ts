/**
 * The contracts of the services, one namespace a package. Generated code stops at the adapters: domain code never imports this.
 * Regenerate with `npm run proto` after a change under `proto/`.
 */
export * as rpcerrors from './gen/google/rpc/error_details_pb.js';
export * as healthv1 from './gen/grpc/health/v1/health_pb.js';
export * as reflectionv1 from './gen/grpc/reflection/v1/reflection_pb.js';
export * as reflectionv1alpha from './gen/grpc/reflection/v1alpha/reflection_pb.js';
export * as clusterv1 from './gen/verbena/cluster/v1/cluster_pb.js';
export * as eventv1 from './gen/verbena/event/v1/event_pb.js';
export * as identityv1 from './gen/verbena/identity/v1/identity_pb.js';
export * as imagev1 from './gen/verbena/image/v1/image_pb.js';
export * as jobv1 from './gen/verbena/job/v1/job_pb.js';
export * as migrationv1 from './migration-v1.ts';
export * as nodev1 from './gen/verbena/node/v1/node_pb.js';
export * as storagev1 from './storage-v1.ts';
export * as vmv1 from './gen/verbena/vm/v1/vm_pb.js';
export { loadRequestCheck, type FieldProblem, type RequestCheck } from './request-check.ts';
export { unboundedFields } from './bounds.ts';
export { onlyMasked } from './read-mask.ts';

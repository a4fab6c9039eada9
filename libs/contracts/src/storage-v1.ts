/** One package in two files: chunks and output, and the checkpoints of jobs. */
export * from './gen/verbena/storage/v1/snapshot_pb.js';
export * from './gen/verbena/storage/v1/storage_pb.js';

/** One package in several files: migrations and checkpoints for users, for the scheduler, and for node-agents. */
export * from './gen/verbena/migration/v1/agent_pb.js';
export * from './gen/verbena/migration/v1/checkpoint_pb.js';
export * from './gen/verbena/migration/v1/migration_pb.js';
export * from './gen/verbena/migration/v1/moves_pb.js';

/** One package in three files: for users, for the scheduler, and for node-agents. */
export * from './gen/verbena/migration/v1/agent_pb.js';
export * from './gen/verbena/migration/v1/migration_pb.js';
export * from './gen/verbena/migration/v1/moves_pb.js';

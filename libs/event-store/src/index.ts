export { commitWatch, poolMetrics, tracedStore, type CommitFacts, type CommitWatch, type PoolFacts } from './commit-watch.ts';
export { DatabaseError } from './connection.ts';
export { openEventStore, type EventStoreOptions } from './postgres-store.ts';
export { openServiceStore, type StoreHost } from './service-store.ts';
export { sweep as sweepEmbeddedPostgres } from './embedded/account.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded/server.ts';
export { lockDirectory, type DirectoryLock } from './embedded/lock.ts';
export { endWithUs, freePort } from './embedded/postmaster.ts';
export { createPostgresElection } from './election.ts';

export type {
  AppendOptions,
  AppendResult,
  DomainEvent,
  EventFilter,
  EventMetadata,
  EventStore,
  ReadAllOptions,
  RecordedEvent,
  StreamAppend,
} from './event-store.ts';
export { checkAppend } from './check-append.ts';
export { accept, refuse, type Decider, type Decision } from './decider.ts';
export { matches, streamMatches, traceIdOf } from './filter.ts';
export { handle, type CommandHandler, type EventCodec, type ExecuteOptions, type Handled, type Loaded } from './handle.ts';
export { createMemoryEventStore, type MemoryStoreOptions } from './memory-store.ts';
export { project, runProjection, type Projection, type ProjectionRunner, type RunOptions } from './projection.ts';

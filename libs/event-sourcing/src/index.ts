export type {
  AppendOptions,
  AppendResult,
  DomainEvent,
  EventFilter,
  EventMetadata,
  EventStore,
  NewEvent,
  ReadAllOptions,
  RecordedEvent,
  StreamAppend,
} from './event-store.ts';
export { presentShape, upcast, type EventCatalogue, type Upcaster } from './catalogue.ts';
export { checkAppend } from './check-append.ts';
export { accept, refuse, type Decider, type Decision } from './decider.ts';
export { EventStoreError, type EventStoreProblem } from './errors.ts';
export { matches, streamMatches, traceIdOf } from './filter.ts';
export { handle, type CommandHandler, type EventCodec, type ExecuteOptions, type Handled, type Loaded } from './handle.ts';
export { unknownModel } from './memory-read-models.ts';
export { createMemoryEventStore, type MemoryStoreOptions } from './memory-store.ts';
export { project, runProjection, type Projection, type ProjectionRunner, type RunOptions } from './projection.ts';
export { canonicalJson } from './canonical-json.ts';
export {
  entityOf,
  foldEntity,
  rowOf,
  type Entity,
  type EntityModel,
  type EntityRow,
  type Description,
  type Kept,
  type KeptEntities,
} from './entity.ts';
export type { PositionNotices } from './notices.ts';
export type {
  EntityPage,
  EntityQuery,
  EventDatabase,
  ModelStatus,
  ReadModels,
  ReplayOptions,
  ReplayOutcome,
  ReplayStep,
} from './read-model.ts';
export { concerns, subjectsOf } from './subjects.ts';
export { backward, forward, StepFailed, type SagaDirection, type SagaPort, type SagaStep, type SagaTable } from './saga.ts';
export { assertWritten, Overtaken, SagaRun, type SagaRunPort } from './saga-run.ts';
export { beginTerm, createMemoryElection, fencedStore, leaderStream, leadership, type LeaderElection, type Leadership } from './leader.ts';

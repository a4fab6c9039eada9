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
export { accept, refuse, type Decider, type Decision } from './decider.ts';

/** The story of a node, on the stream named by its id. Heartbeats are no events: they change nothing until they stay away. */
import type { DomainEvent } from '@verbena/event-sourcing';

export interface NodeDescription {
  readonly name: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly lid: number;
  readonly portGuid: string;
  readonly hypervisor: string;
  /** Where other processes reach the node's port; absent or empty when none does. */
  readonly fabricEndpoint?: string;
}

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D & { readonly at: number };
}

export type NodeEvent =
  /** The epoch is the node's fencing token: it may write its VMs' streams until a higher one is given out. */
  | Event<'NodeRegistered', { node: NodeDescription; epoch: number }>
  | Event<'NodeDrained', { reason: string }>
  | Event<'NodeResumed', Record<never, never>>
  | Event<'NodePortDisabled', { by: string }>
  | Event<'NodePortEnabled', { by: string }>
  /** Fences the node: the epoch is above the one that it holds. */
  | Event<'NodeLost', { reason: string; epoch: number }>;

/**
 * The bus between services: typed RPC from the protobuf contracts, and notifications. Services know nothing else of each other.
 * Two implementations share one contract suite: in process (the embedded default) and, beside it later, NATS.
 */
import type { DescService } from '@bufbuild/protobuf';
import type { Client, ServiceImpl } from '@connectrpc/connect';

export interface Served {
  /** Stops taking calls and lets those under way finish, within a bound. */
  stop(): Promise<void>;
}

export interface Bus {
  /**
   * A client of a service. `address` names one instance where there are several (a node-agent: its node id). A call to something that is not
   * served fails with UNAVAILABLE. A streaming call begins when it is first read, and is cancelled when its reader leaves the loop. Deadlines, AbortSignals, error codes, headers and trace context cross the bus.
   */
  client<S extends DescService>(service: S, address?: string): Client<S>;
  serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served>;
  /** Fire and forget: a notification may be lost, repeated or late, and nothing may depend on it but speed. */
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, handler: (payload: Uint8Array) => void): () => void;
  close(): Promise<void>;
}

/**
 * The bus between services: typed RPC from the protobuf contracts, and notifications. Services know nothing else of each other.
 * Two implementations share one contract suite: in process (the embedded default) and over NATS.
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
   * served, or a call while the connection is lost, fails with UNAVAILABLE. A streaming call begins when it is first read, and is cancelled when
   * its reader leaves the loop. Deadlines, AbortSignals, error codes, headers and trace context cross the bus.
   */
  client<S extends DescService>(service: S, address?: string): Client<S>;
  /**
   * Serves a service. Without an address, replicas in other processes share the calls; with one, this is the instance of that name. The handlers'
   * `callContext().caller` says which service (or node) called.
   */
  serve<S extends DescService>(service: S, implementation: ServiceImpl<S>, address?: string): Promise<Served>;
  /** Fire and forget: a notification may be lost, repeated or late, and nothing may depend on it but speed. */
  publish(subject: string, payload: Uint8Array): void;
  subscribe(subject: string, handler: (payload: Uint8Array) => void): () => void;
  /** Whether calls can be made and served at the moment: a bus whose connection is lost restores it by itself. */
  connected(): boolean;
  close(): Promise<void>;
}

/** What a client may take of the gateway before it is let go. Times are in milliseconds. */
export interface ConnectionLimits {
  /** Connections at once; more are closed as they come. */
  readonly connections: number;
  /** Requests at once, over all connections; more are answered 503. */
  readonly exchanges: number;
  /** Bytes of requests that are held at once, over all connections; what would be more is refused with RESOURCE_EXHAUSTED. */
  readonly requestBytes: number;
  /** Streams at once on one HTTP/2 connection; more wait at the client, as the protocol has it. */
  readonly streamsPerConnection: number;
  /** Until the TLS handshake is done, the first byte has come, the headers of a request are complete, HTTP/2 settings are exchanged. */
  readonly openingMs: number;
  /** Until the whole of a request has come. */
  readonly requestMs: number;
  /** How long a connection may be open without a request. */
  readonly idleMs: number;
  /** How long a client may take nothing of what waits for it. */
  readonly stalledMs: number;
}

export const defaultLimits: ConnectionLimits = {
  connections: 10_000,
  exchanges: 20_000,
  requestBytes: 256 << 20,
  streamsPerConnection: 1_000,
  openingMs: 10_000,
  requestMs: 120_000,
  idleMs: 300_000,
  stalledMs: 30_000,
};

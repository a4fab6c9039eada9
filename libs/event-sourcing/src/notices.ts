/**
 * Notices of new positions between processes. They wake those who wait and say nothing that anyone relies on: the log is asked what is new, so
 * that a notice which is lost, repeated, late or wrong costs time at most.
 */
export interface PositionNotices {
  /** Tells the others that the log has grown to this position. Never throws, never waits. */
  publish(position: bigint): void;
  /** @returns a function that ends the subscription */
  subscribe(handler: (position: bigint) => void): () => void;
}

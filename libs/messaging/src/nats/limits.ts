/** The bounds of the bus over NATS: nothing waits for ever, and nothing grows without one. */
export interface NatsBusLimits {
  /** Bytes of one message of a call; a larger one fails with RESOURCE_EXHAUSTED. */
  readonly messageBytes: number;
  /** Frames of a body that may be on their way or unread; with `pieceBytes` this bounds what an unread stream costs its reader. */
  readonly window: number;
  /** Bytes of a body in one frame, where the body does not fit into a single one. */
  readonly pieceBytes: number;
  /** How long a sender waits for credit, in milliseconds: a reader that takes nothing for so long has given up. */
  readonly idleCreditMs: number;
  /** How long any call may take, in milliseconds. */
  readonly callMs: number;
  /** How often each side tells the other that it is there, in milliseconds; after three silent periods a side is taken for lost. */
  readonly aliveMs: number;
  /**
   * How often a caller whose calls take longer asks the server whether the replicas that may have them are still connected, in milliseconds. A
   * process that has died is known to be gone after some three times this, one that is only busy never.
   */
  readonly probeMs: number;
  /** Calls under way that one served service takes, of all callers. */
  readonly calls: number;
  /** And of one connection. */
  readonly callsOfOne: number;
}

export const defaultLimits: NatsBusLimits = {
  messageBytes: 32 << 20,
  window: 16,
  pieceBytes: 64 << 10,
  idleCreditMs: 300_000,
  callMs: 24 * 3_600_000,
  aliveMs: 5_000,
  probeMs: 500,
  calls: 8_192,
  callsOfOne: 4_096,
};

/** Periods of silence after which the other side is taken for lost. */
export const silentPeriods = 3;

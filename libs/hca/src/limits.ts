/** What one domain may take of the adapter. Each limit is far below the size of the table that all domains of the process divide. */
export const LIMITS = {
  qps: 1024,
  cqs: 64,
  mrs: 4096,
  pds: 16,
  /** Entries of a send or receive queue. */
  queueEntries: 16384,
  cqEntries: 65536,
  sge: 14,
  inlineBytes: 224,
  messageBytes: 2 ** 30,
} as const;

export const SQ_STRIDES: readonly number[] = [64, 128, 256];
export const RQ_STRIDES: readonly number[] = [32, 64, 128];

/** How a service process ends. The numbers from 64 on are those of sysexits.h (BSD). */
export const serviceExitCodes = {
  /** It was told to stop, and drained. */
  drained: 0,
  /** It could not start, or did not drain in order. */
  failed: 1,
  /** A defect of ours: an exception that nothing caught. */
  software: 70,
  /** A variable is missing or wrong: starting it again changes nothing. */
  config: 78,
} as const;

/**
 * When pre-copy ends (Clark et al., "Live migration of virtual machines", NSDI 2005, section 3): when what is left fits the allowed downtime at the
 * rate that was measured, when there were enough rounds, or when rounds do not become smaller, and then as the policy says.
 */
export interface ConvergencePolicy {
  /** For which the guest may stand. */
  readonly downtimeMs: number;
  readonly mostRounds: number;
  /** A guest that writes faster than the link carries: `suspend` it all the same, `throttle` it step by step first, or `give-up`. */
  readonly whenTooFast: 'suspend' | 'throttle' | 'give-up';
}

export interface RoundDone {
  /** That crossed the link, and the time that took. */
  readonly bytes: number;
  readonly ms: number;
  /** Bytes of pages that were written meanwhile. */
  readonly leftBytes: number;
}

export type Next =
  | { readonly action: 'copy' }
  | { readonly action: 'suspend'; readonly why: 'fits' | 'rounds' | 'too-fast' }
  /** Pre-copy goes on, and the guest runs for this part of the time. */
  | { readonly action: 'throttle'; readonly share: number }
  | { readonly action: 'give-up'; readonly why: string };

/** Of its time, for the guest that is slowed down most. */
const leastShare = 0.1;
const throttleStep = 0.7;

/** What comes after these rounds; at least one. */
export function nextStep(rounds: readonly RoundDone[], share: number, policy: ConvergencePolicy): Next {
  const last = rounds.at(-1);
  if (last === undefined) return { action: 'copy' };
  // Of a short round most is waiting for its answer: what the link carries, the long ones tell.
  const bytesPerMs = Math.max(...rounds.map(({ bytes, ms }) => bytes / Math.max(ms, 1e-3)));
  if (last.leftBytes <= bytesPerMs * policy.downtimeMs) return { action: 'suspend', why: 'fits' };
  const before = rounds.at(-2);
  const shrinks = before === undefined || last.leftBytes < before.leftBytes;
  const enough = rounds.length >= policy.mostRounds;
  if (shrinks && !enough) return { action: 'copy' };
  if (policy.whenTooFast === 'give-up')
    return {
      action: 'give-up',
      why: `after ${String(rounds.length)} rounds ${String(last.leftBytes)} bytes are left: it writes faster than they are sent`,
    };
  if (policy.whenTooFast === 'throttle' && !enough && share > leastShare)
    return { action: 'throttle', share: Math.max(leastShare, share * throttleStep) };
  return { action: 'suspend', why: enough ? 'rounds' : 'too-fast' };
}

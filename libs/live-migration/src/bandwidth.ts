/** A bandwidth limit: a token bucket on a clock that is given (milliseconds). */
export class TokenBucket {
  readonly #bytesPerMs: number;
  readonly #burst: number;
  #tokens: number;
  #last: number;

  /** @param bytesPerSecond 0: no limit. @param burst bytes that may go at once */
  constructor(bytesPerSecond: number, burst: number, nowMs: number) {
    this.#bytesPerMs = bytesPerSecond === 0 ? Infinity : bytesPerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#last = nowMs;
  }

  /** Takes so many bytes. @returns milliseconds to wait before the next are sent; the debt counts, so that transfers may be larger than the burst */
  take(bytes: number, nowMs: number): number {
    if (this.#bytesPerMs === Infinity) return 0;
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#last) * this.#bytesPerMs) - bytes;
    this.#last = nowMs;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#bytesPerMs;
  }
}

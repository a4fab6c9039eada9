/**
 * Bytes of requests that are held in memory at once. Each request is bounded by its RPC, but many at once would add up to more than there is; what
 * would be too much is refused, and may be sent again when others are done.
 */
import { Code, ConnectError } from '@connectrpc/connect';

export interface Holding {
  /** @throws {ConnectError} RESOURCE_EXHAUSTED when there is no room for so many more */
  take(bytes: number): void;
  /** Gives back everything that was taken. */
  release(): void;
}

export class HeldBytes {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  /** The share of one request. */
  hold(): Holding {
    let own = 0;
    return {
      take: (bytes) => {
        if (this.#held + bytes > this.#most)
          throw new ConnectError(
            `the gateway holds ${this.#held} bytes of requests, and ${this.#most} at most: try again`,
            Code.ResourceExhausted,
          );
        own += bytes;
        this.#held += bytes;
      },
      release: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }
}

/** A request's body: nothing of it is read before the caller is let in, and every byte is accounted for. */
export async function* letInFirst(
  body: AsyncIterable<Uint8Array>,
  holding: Holding,
  letIn: () => Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  await letIn();
  for await (const chunk of body) {
    holding.take(chunk.byteLength);
    yield chunk;
  }
}

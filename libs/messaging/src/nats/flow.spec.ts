import { Code, ConnectError } from '@connectrpc/connect';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gather, Receiver, Sender } from './flow.ts';
import type { Frame } from './frame.ts';

const frame = (sequence: number, body: Uint8Array, end = false): Frame => ({
  kind: 'data',
  end,
  status: 0,
  sequence,
  limit: 0,
  lines: [],
  body,
});
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const iterate = (receiver: Receiver): AsyncIterator<Uint8Array> => receiver[Symbol.asyncIterator]();

async function* pieces(...lengths: number[]): AsyncGenerator<Uint8Array> {
  for (const length of lengths) yield bytes(length);
}

/** A sender and a receiver with nothing but the flow control between them. */
function joined({ window, pieceBytes, late = 0 }: { window: number; pieceBytes: number; late?: number }) {
  let buffered = 0;
  let most = 0;
  const receiver = new Receiver({ window, grant: (limit) => setTimeout(() => sender.credit(limit), late), left: () => undefined });
  const sender = new Sender(
    {
      pieceBytes,
      idleCreditMs: 60_000,
      send(sequence, piece, end) {
        buffered++;
        most = Math.max(most, buffered);
        receiver.push(frame(sequence, piece ?? bytes(0), end));
      },
    },
    0,
    window,
  );
  const read = async (): Promise<number> => {
    let length = 0;
    for await (const piece of receiver) {
      buffered--;
      length += piece.length;
    }
    return length;
  };
  return { sender, receiver, read, most: () => most };
}

describe('the flow of a body', () => {
  it('carries any body whole, and never more of it at once than the window', async () => {
    const lengths = fc.array(fc.nat(50), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 20 }), async (sizes, window, pieceBytes) => {
        const { sender, read, most } = joined({ window, pieceBytes });
        const [length] = await Promise.all([read(), sender.sendAll(undefined, pieces(...sizes))]);
        expect(length).toBe(sizes.reduce((sum, size) => sum + size, 0));
        // And the end, which needs no credit.
        expect(most()).toBeLessThanOrEqual(window + 1);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses frames out of their order, twice, or without credit', () => {
    const receiver = (): Receiver => new Receiver({ window: 2, grant: () => undefined, left: () => undefined });
    expect(() => receiver().push(frame(1, bytes(1)))).toThrow('when 0 was due');
    const twice = receiver();
    twice.push(frame(0, bytes(1)));
    expect(() => twice.push(frame(0, bytes(1)))).toThrow('when 1 was due');
    twice.push(frame(1, bytes(1)));
    expect(() => twice.push(frame(2, bytes(1)))).toThrow('without credit');
    twice.push(frame(2, bytes(0), true));
    expect(twice.ended).toBe(true);
    twice.push(frame(9, bytes(1)));
  });

  it('takes credit that comes twice, or late, for what it is', async () => {
    const sent: number[] = [];
    const sender = new Sender({ pieceBytes: 1, idleCreditMs: 60_000, send: (sequence) => sent.push(sequence) }, 0, 1);
    const done = sender.sendAll(bytes(4), undefined);
    for (const limit of [3, 2, 3]) sender.credit(limit);
    await vi.waitFor(() => expect(sent).toEqual([0, 1, 2]), { timeout: 20_000 });
    sender.credit(4);
    await done;
    expect(sent).toEqual([0, 1, 2, 3, 4]);
  });

  it('ends for the reader when the call fails, after what had come before', async () => {
    const receiver = new Receiver({ window: 4, grant: () => undefined, left: () => undefined });
    receiver.push(frame(0, bytes(3)));
    receiver.fail(new ConnectError('gone', Code.Unavailable));
    const reader = iterate(receiver);
    expect((await reader.next()).value).toHaveLength(3);
    await expect(reader.next()).rejects.toThrow('gone');
  });

  it('tells the sender when the reader leaves, by return and by throw', async () => {
    const left = vi.fn();
    const reader = (): AsyncIterator<Uint8Array> => iterate(new Receiver({ window: 4, grant: () => undefined, left }));
    await reader().return?.();
    await expect(reader().throw?.(new Error('why'))).rejects.toThrow('why');
    expect(left).toHaveBeenCalledTimes(2);
  });

  it('bounds what it gathers', async () => {
    expect(await gather(pieces(3, 4), 7)).toHaveLength(7);
    await expect(gather(pieces(3, 4, 1), 7)).rejects.toMatchObject({
      code: Code.ResourceExhausted,
      message: expect.stringContaining('7 bytes'),
    });
  });

  describe('without credit', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it('is given up after the time that is set for it', async () => {
      const returned = vi.fn();
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield bytes(1);
        } finally {
          returned();
        }
      }
      const sender = new Sender({ pieceBytes: 1, idleCreditMs: 1_000, send: () => undefined }, 0, 3);
      const failed = expect(sender.sendAll(undefined, endless())).rejects.toMatchObject({ code: Code.ResourceExhausted });
      await vi.advanceTimersByTimeAsync(999);
      expect(returned).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      await failed;
      expect(returned).toHaveBeenCalledOnce();
    });
  });
});

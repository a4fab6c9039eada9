/** A peer process that forges frames, speaks for others, or sends nonsense. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { VBF_FAULT_FRAME, VBF_FAULT_LID, VBF_FAULT_TAG, VBF_LINK_BROKEN, VBF_LINK_UP, VBF_RING_ADDR, VBF_RING_STRIDE } from './layout.ts';
import { HandHost, pairOverWire } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const INLINE = { flags: abi.VB_QP_SCATTER_TO_CQE };
const SUCCESS = abi.VB_WC_SUCCESS;

describe('a peer that does not keep to the protocol', () => {
  it('is cut off when one bit of a frame was changed on the way', () => {
    fc.assert(
      fc.property(fc.nat(63 * 8), fc.boolean(), (bit, inPayload) => {
        const { qa, qb, link } = pairOverWire(firmware, INLINE);
        qb.receive();
        link.pipes[0].spoil = (data) => {
          const at = (inPayload ? 64 : 0) + (bit >> 3);
          if (at < data.length) data[at] = (data[at] ?? 0) ^ (1 << (bit & 7));
        };
        qa.send({ inline: new Uint8Array(64).fill(9) });
        // A longer length only makes the receiver wait for what never comes.
        const { state, fault } = link.status(1);
        if (state === VBF_LINK_BROKEN) expect([VBF_FAULT_TAG, VBF_FAULT_FRAME]).toContain(fault);
        else expect(bit >> 3 <= 1 && !inPayload).toBe(true);
        expect(qb.recvCq.drain()).toEqual([]);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('cannot speak for a LID that is not its own', () => {
    const { a, b, qa, qb, link } = pairOverWire(firmware, INLINE);
    qb.receive();
    b.process.adapter.route(a.lid, undefined);
    qa.send({ inline: Uint8Array.of(1) });
    expect(link.status(1)).toMatchObject({ state: VBF_LINK_BROKEN, fault: VBF_FAULT_LID });
    expect(qb.recvCq.drain()).toEqual([]);
  });

  it('is refused where the partition is another, and learns nothing else', () => {
    const host = new HandHost(firmware, 'wire');
    const [a, b] = [host.guest(1), host.guest(2)];
    const [qa, qb] = [a.queuePair(INLINE), b.queuePair(INLINE)];
    qa.connect(qb);
    qb.connect(qa);
    qb.receive();
    qa.send({ inline: Uint8Array.of(1) });
    expect(qa.sendCq.drain()).toMatchObject([{ status: abi.VB_WC_RETRY_EXC_ERR }]);
    expect(qb.recvCq.drain()).toEqual([]);
  });

  it('with the right keys and frames of nonsense does no harm', () => {
    const { a, qa, b, qb, link, host } = pairOverWire(firmware);
    const guard = b.buffer(4096);
    const before = b.bytes.slice(guard.addr, guard.addr + 4096);
    const ring = VBF_RING_ADDR + link.numbers[0] * VBF_RING_STRIDE;
    const word = fc.oneof(fc.nat(3), fc.nat(0xffff), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constant(qb.qpn), fc.constant(qa.qpn));
    const header = fc.tuple(fc.nat(255), fc.array(word, { minLength: 12, maxLength: 12 }));
    fc.assert(
      fc.property(header, fc.boolean(), ([opcode, words], addressed) => {
        if (!host.links.every((each) => each.status(0).state === VBF_LINK_UP && each.status(1).state === VBF_LINK_UP)) {
          link.cut();
          link.open();
        }
        // The sender's firmware seals whatever lies in its ring.
        const view = new DataView(a.process.adapter.memory.memory.buffer);
        const row = a.process.adapter.memory.link(link.numbers[0]);
        const head = row.get('tx_head');
        words.forEach((value, i) => view.setUint32(ring + (head % (1 << 20)) + 4 * i, value, true));
        view.setUint16(ring + (head % (1 << 20)), 0, true);
        view.setUint8(ring + (head % (1 << 20)) + 2, opcode);
        if (addressed) {
          view.setUint16(ring + (head % (1 << 20)) + 4, a.lid, true);
          view.setUint16(ring + (head % (1 << 20)) + 6, b.lid, true);
          view.setUint32(ring + (head % (1 << 20)) + 8, qb.qpn, true);
          view.setUint32(ring + (head % (1 << 20)) + 12, qa.qpn, true);
          view.setUint32(ring + (head % (1 << 20)) + 16, 1, true);
        }
        row.publish('tx_head', head + 64);
        host.settle();
      }),
      { numRuns: 1000, seed: 11 },
    );
    expect(b.bytes.slice(guard.addr, guard.addr + 4096)).toEqual(before);
    expect(host.adapter.heldLocks()).toBe(0);
    // Others are as well as before.
    const [one, two] = [a.queuePair(), b.queuePair()];
    link.cut();
    link.open();
    one.connect(two);
    two.connect(one);
    two.receive();
    one.send({});
    expect(two.recvCq.drain()).toMatchObject([{ status: SUCCESS }]);
  });
});

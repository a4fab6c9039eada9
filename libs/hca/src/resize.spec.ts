/** Completion queues that move to another ring (InfiniBand vol. 1, section 11.2.8.4). */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { VBF_CQ_RESIZING } from './layout.ts';
import { HandHost, TRANSPORTS } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

const INLINE = { flags: abi.VB_QP_SCATTER_TO_CQE };

describe.each(TRANSPORTS)('a completion queue by %s', (transport) => {
  it('keeps its completions, in order, through any number of moves', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ send: fc.integer({ min: 1, max: 12 }) }),
        fc.record({ take: fc.integer({ min: 1, max: 12 }) }),
        fc.record({ resize: fc.constantFrom(4, 8, 16, 64, 256) }),
      ),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (story) => {
        const host = new HandHost(firmware, transport);
        const [, qa, , qb] = host.pair({ ...INLINE, cqEntries: 64 });
        const cq = qb.recvCq;
        let [sent, taken] = [0, 0];
        for (const step of story) {
          if ('send' in step) {
            for (let i = 0; i < step.send && sent - taken < Math.min(cq.entries, 60); i++) {
              qb.receive();
              qa.send({ opcode: abi.VB_WR_SEND_IMM, imm: sent++ });
            }
          } else if ('take' in step) {
            for (let i = 0; i < step.take && taken < sent; i++) expect(cq.poll()).toMatchObject({ imm: taken++ });
          } else {
            expect(cq.resize(step.resize)).toBe(sent - taken > step.resize ? abi.VB_EINVAL : 0);
          }
          qa.sendCq.drain();
        }
        expect(cq.drain().map(({ imm }) => imm)).toEqual(Array.from({ length: sent - taken }, (_, i) => taken + i));
      }),
      { numRuns: 60, seed: 20_261_121 },
    );
  });

  it('that is armed still raises its event, and overflows at its new size', () => {
    const host = new HandHost(firmware, transport);
    const [, qa, b, qb] = host.pair({ ...INLINE, cqEntries: 64 });
    qb.recvCq.arm();
    expect(qb.recvCq.resize(4)).toBe(0);
    for (let i = 0; i < 5; i++) qb.receive();
    qa.send({});
    expect(b.wakeups).toBe(1);
    for (let i = 0; i < 4; i++) qa.send({});
    expect(qb.state).toBe(abi.VB_QPS_ERR);
    expect(qb.recvCq.drain()).toHaveLength(4);
  });
});

describe('what cannot be', () => {
  it('is refused and leaves the queue as it was', () => {
    const host = new HandHost(firmware);
    const [a, qa, b, qb] = host.pair(INLINE);
    const { entries, ring } = qb.recvCq;
    expect(qb.recvCq.resize(3)).toBe(abi.VB_EINVAL);
    expect(qb.recvCq.resize(0)).toBe(abi.VB_EINVAL);
    expect(qb.recvCq.resize(8, ring + 4)).toBe(abi.VB_EINVAL);
    expect(qb.recvCq.resize(65_536, 255 * 65_536)).toBe(abi.VB_EFAULT);
    expect(qb.recvCq.resize(2 ** 20)).toBe(abi.VB_EINVAL);
    const input = abi.resizeCqIn.encode({ cqn: qb.recvCq.cqn, entries: 8, ring_addr: BigInt(a.alloc(512)) });
    expect(a.command(abi.VB_CMD_RESIZE_CQ, input).status).toBe(abi.VB_EINVAL);
    expect([qb.recvCq.entries, qb.recvCq.ring]).toEqual([entries, ring]);
    qb.receive();
    qa.send({});
    expect(qb.recvCq.drain()).toHaveLength(1);
    expect(b.process.adapter.heldLocks()).toBe(0);
  });

  it('a guest that wiped a completion which it has not read is told that the queue is busy', () => {
    const host = new HandHost(firmware);
    const [, qa, b, qb] = host.pair(INLINE);
    qb.receive();
    qb.receive();
    qa.send({});
    b.bytes.fill(0, qb.recvCq.ring, qb.recvCq.ring + 64);
    expect(qb.recvCq.resize(8)).toBe(abi.VB_EBUSY);
    qa.send({});
    expect(qb.state).toBe(abi.VB_QPS_RTS);
  });

  it('a thread that is ended while it moves a queue leaves one that works', () => {
    const host = new HandHost(firmware);
    const [, qa, b, qb] = host.pair(INLINE);
    const row = host.adapter.memory.cq(qb.recvCq.cqn);
    // As the firmware leaves it in the middle.
    row.set({ resizer: b.thread + 1, resume_head: row.get('head'), head: row.get('head') + 0x4000_0000, state: VBF_CQ_RESIZING });
    host.adapter.recoverThreads(b.peer, [b.thread]);
    qb.receive();
    qa.send({});
    expect(qb.recvCq.drain()).toHaveLength(1);
  });
});

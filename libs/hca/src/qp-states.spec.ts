import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { TRANSITIONS, transitionFor } from './qp-states.ts';
import { HandHost, type HandQp } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

const STATES = [abi.VB_QPS_RESET, abi.VB_QPS_INIT, abi.VB_QPS_RTR, abi.VB_QPS_RTS, abi.VB_QPS_SQD, abi.VB_QPS_SQE, abi.VB_QPS_ERR];
const REACHABLE = [abi.VB_QPS_RESET, abi.VB_QPS_INIT, abi.VB_QPS_RTR, abi.VB_QPS_RTS, abi.VB_QPS_SQD, abi.VB_QPS_ERR];
const ATTRIBUTES = [0, 2, 4, 6, 8, 10, 12, 14];

/** The attributes that carry each queue pair one step on. */
function bring(qp: HandQp, other: HandQp, state: number): void {
  const dest = { dest_lid: other.guest.lid, dest_qpn: other.qpn };
  if (state === abi.VB_QPS_RESET) return;
  expect(qp.modify(abi.VB_QPS_INIT, { access: 3 })).toBe(0);
  if (state === abi.VB_QPS_ERR) expect(qp.modify(abi.VB_QPS_ERR)).toBe(0);
  const opens = state !== abi.VB_QPS_INIT && state !== abi.VB_QPS_ERR;
  if (opens) expect(qp.modify(abi.VB_QPS_RTR, dest)).toBe(0);
  if (opens && state !== abi.VB_QPS_RTR) expect(qp.modify(abi.VB_QPS_RTS, { retry_count: 7, rnr_retry: 7 })).toBe(0);
  if (state === abi.VB_QPS_SQD) expect(qp.modify(abi.VB_QPS_SQD)).toBe(0);
}

describe('the states of a queue pair', () => {
  let firmware: FirmwareModules;
  beforeAll(async () => {
    firmware = await loadFirmware();
  }, 120_000);

  it('change exactly as the table says, for every state, wish and set of attributes', () => {
    const host = new HandHost(firmware);
    const guest = host.guest(1, 1024);
    const other = host.guest().queuePair();
    const options = { sqEntries: 1, rqEntries: 1, cqEntries: 1 };
    for (const from of REACHABLE) {
      for (const to of STATES) {
        for (const attributes of ATTRIBUTES) {
          const qp = guest.queuePair(options);
          bring(qp, other, from);
          const input = abi.modifyQpIn.encode({
            ...{ qpn: qp.qpn, attr_mask: abi.VB_ATTR_STATE | attributes, state: to, access: 1 },
            ...{ dest_lid: other.guest.lid, dest_qpn: other.qpn, retry_count: 1, rnr_retry: 1 },
          });
          const allowed = transitionFor(from, to, attributes) !== undefined;
          const { status } = guest.command(abi.VB_CMD_MODIFY_QP, input);
          expect([from, to, attributes, status]).toEqual([from, to, attributes, allowed ? 0 : abi.VB_EINVAL]);
          expect(qp.state).toBe(allowed ? to : from);
          guest.must(abi.VB_CMD_DESTROY_QP, abi.cmdHandle.encode({ handle: qp.qpn }));
          for (const cq of [qp.sendCq, qp.recvCq]) guest.must(abi.VB_CMD_DESTROY_CQ, abi.cmdHandle.encode({ handle: cq.cqn }));
        }
      }
    }
  });

  it('never lead out of the error state but through RESET', () => {
    const out = TRANSITIONS.filter((each) => each.from === abi.VB_QPS_ERR && each.to !== abi.VB_QPS_ERR);
    expect(new Set(out.map((each) => each.to))).toEqual(new Set([abi.VB_QPS_RESET]));
  });

  it('forget everything in RESET, so that the queue pair can be connected again', () => {
    const [, qa, , qb] = new HandHost(firmware).pair({ flags: abi.VB_QP_SCATTER_TO_CQE });
    for (let round = 0; round < 3; round++) {
      qb.receive();
      qb.receive();
      qa.send({ inline: Uint8Array.of(round) });
      expect(qb.recvCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
      expect(qa.sendCq.drain()).toHaveLength(1);
      for (const qp of [qa, qb]) {
        expect(qp.modify(abi.VB_QPS_RESET)).toBe(0);
        qp.sqTail = qp.rqTail = 0;
      }
      qa.connect(qb);
      qb.connect(qa);
    }
    expect(qb.recvCq.drain()).toEqual([]);
  });
});

/** An adapter that is taken from a domain while it runs, and given back (hot detach and attach of a virtual function). */
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { loadFirmware } from './firmware.ts';
import { HandHost, TRANSPORTS } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

let firmware: FirmwareModules;
beforeAll(async () => {
  firmware = await loadFirmware();
}, 120_000);

describe.each(TRANSPORTS)('a domain without its adapter, with a peer by %s', (transport) => {
  it('is told, flushed and refused, and its peers fail; a new adapter is empty and works', () => {
    const host = new HandHost(firmware, transport);
    const [a, qa, , qb] = host.pair();
    const events = a.events();
    qa.receive([], 5n);
    qb.receive([], 6n);
    const { adapter } = a.process;
    adapter.unplug(a.peer.slot);
    host.settle();
    expect(events.drain()).toMatchObject([{ imm: abi.VB_EVENT_DEVICE_FATAL }]);
    expect(qa.recvCq.drain()).toMatchObject([{ wr_id: 5n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qb.recvCq.drain()).toMatchObject([{ wr_id: 6n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    expect(qb.state).toBe(abi.VB_QPS_ERR);
    qa.send({ wrId: 7n });
    expect(qa.sendCq.drain()).toMatchObject([{ wr_id: 7n, status: abi.VB_WC_WR_FLUSH_ERR }]);
    for (const opcode of [abi.VB_CMD_QUERY_DEVICE, abi.VB_CMD_ALLOC_PD, abi.VB_CMD_QUERY_PORT])
      expect(a.command(opcode).status).toBe(abi.VB_ENODEV);
    expect(adapter.heldLocks()).toBe(0);
    adapter.plug(a.peer.slot);
    expect(adapter.resources(a.peer.slot)).toBe(0);
    expect(a.command(abi.VB_CMD_QUERY_QP, abi.cmdHandle.encode({ handle: qa.qpn })).status).toBe(abi.VB_EINVAL);
    const pd = abi.cmdHandle.decode(a.must(abi.VB_CMD_ALLOC_PD)).handle;
    const [one, two] = [a.queuePair({ pd }), qb.guest.queuePair()];
    one.connect(two);
    two.connect(one);
    two.receive();
    one.send({});
    expect(two.recvCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
  });
});

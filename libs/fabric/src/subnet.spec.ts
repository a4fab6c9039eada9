import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { openAdapter, type Adapter } from '@verbena/hca';
import { createSubnet, type DomainAttachment, type FabricPort, type Subnet } from './index.ts';

const sharedMemory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 200, maximum: 65536, shared: true });

/** A domain with one queue pair, by bare commands. */
class Member {
  readonly attachment: DomainAttachment;
  readonly adapter: Adapter;
  readonly port: FabricPort;
  readonly memory = sharedMemory();
  readonly qpn: number;
  readonly pd: number;

  constructor(port: FabricPort, pkey: number, before?: () => void) {
    this.port = port;
    this.attachment = port.attachDomain({ vmId: 'vm', memory: this.memory });
    this.attachment.join(pkey);
    const init = this.attachment.workerInit();
    before?.();
    this.adapter = openAdapter(init);
    const pd = (this.pd = abi.cmdHandle.decode(this.must(abi.VB_CMD_ALLOC_PD)).handle);
    const cq = abi.cmdHandle.decode(this.must(abi.VB_CMD_CREATE_CQ, abi.createCqIn.encode({ ring_addr: 0n, entries: 16 }))).handle;
    const rings = { sq_addr: 4096n, rq_addr: 8192n, sq_entries: 8, rq_entries: 8, sq_stride: 64, rq_stride: 32 };
    const input = abi.createQpIn.encode({ pd, send_cq: cq, recv_cq: cq, ...rings });
    this.qpn = abi.createQpOut.decode(this.must(abi.VB_CMD_CREATE_QP, input)).qpn;
  }

  must(opcode: number, input: Uint8Array = new Uint8Array()): Uint8Array {
    const { status, output } = this.adapter.command(opcode, input);
    expect(status).toBe(0);
    return output;
  }

  /** RESET to RTS; the status of the step that connects. */
  connect(other: Member, pkey_index = 0): number {
    const modify = (values: Record<string, number>): number =>
      this.adapter.command(abi.VB_CMD_MODIFY_QP, abi.modifyQpIn.encode({ qpn: this.qpn, ...values })).status;
    modify({ attr_mask: 3 | abi.VB_ATTR_PKEY_INDEX, state: abi.VB_QPS_INIT, access: 3, pkey_index });
    const status = modify({ attr_mask: 5, state: abi.VB_QPS_RTR, dest_lid: other.port.lid, dest_qpn: other.qpn });
    modify({ attr_mask: 9, state: abi.VB_QPS_RTS, retry_count: 7, rnr_retry: 7 });
    return status;
  }

  get state(): number {
    return abi.queryQpOut.decode(this.must(abi.VB_CMD_QUERY_QP, abi.cmdHandle.encode({ handle: this.qpn }))).state;
  }

  /** Sends the 10 bytes "0123456789" inline, as the request at this place of the ring. */
  send(place = 0): void {
    const wqe = { opcode: abi.VB_WR_SEND, flags: abi.VB_SEND_INLINE, inline_len: 10 };
    new Uint8Array(this.memory.buffer).set(abi.sendWqe.encode(wqe), 4096 + 64 * place);
    new Uint8Array(this.memory.buffer).set(new TextEncoder().encode('0123456789'), 4096 + 64 * place + 32);
    this.ring(abi.VB_UAR_SQ, place + 1);
  }

  /** Posts a receive request of 32 bytes of registered memory. */
  receive(place = 0): void {
    const input = abi.regMrIn.encode({ pd: this.pd, access: abi.VB_ACCESS_LOCAL_WRITE, addr: 65536n, length: 64n });
    const { lkey } = abi.regMrOut.decode(this.must(abi.VB_CMD_REG_MR, input));
    const view = new DataView(this.memory.buffer);
    abi.recvWqe.write(view, 8192 + 32 * place, { wr_id: 1n, num_sge: 1, reserved: 0 });
    abi.sge.write(view, 8192 + 32 * place + abi.VB_RECV_WQE_HEADER, { addr: 65536n, length: 32, lkey });
    this.ring(abi.VB_UAR_RQ, place + 1);
  }

  ring(register: number, produced = 1): void {
    (this.adapter.uarWrite as (reg: number, lo: number, hi: number) => void)(register, this.qpn, produced);
  }
}

describe('a subnet', () => {
  let subnet: Subnet;
  beforeEach(async () => {
    subnet = await createSubnet();
  }, 120_000);
  afterEach(() => subnet.close());
  const port = (): FabricPort => subnet.addPort({ nodeName: 'host' });

  it('gives every port a LID and a GUID of its own', () => {
    const ports = [port(), port(), subnet.addPort({ nodeName: 'other', guid: 0x1234n })];
    expect(ports.map((each) => each.lid)).toEqual([1, 2, 3]);
    expect(new Set(ports.map((each) => each.guid)).size).toBe(3);
    expect(ports[2]?.guid).toBe(0x1234n);
    expect(subnet.ports()).toEqual(ports);
  });

  it('brings a port up with the LID that it is given, once, and no two ports with the same', () => {
    const first = port();
    const down = subnet.addPort({ nodeName: 'down', lid: 0 });
    expect(() => down.attachDomain({ vmId: 'vm', memory: sharedMemory() })).toThrow('no LID');
    expect(() => down.assignLid(first.lid)).toThrow('belongs to the port of host');
    for (const lid of [0xc000, -1, 1.5]) expect(() => down.assignLid(lid)).toThrow(RangeError);
    down.assignLid(77);
    down.assignLid(77);
    expect(down.lid).toBe(77);
    expect(() => down.assignLid(78)).toThrow('has LID 77');
    expect(new Member(down, 1).attachment.slot).toBe(0);
  });

  it('connects domains of one partition, whichever joined first, and none of another', () => {
    const a = new Member(port(), 1);
    const b = new Member(port(), 1);
    const c = new Member(port(), 2);
    expect([a.connect(b), b.connect(a), c.connect(a)]).toEqual([0, 0, abi.VB_EINVAL]);
    let late: Member | undefined;
    const early = new Member(port(), 3, () => (late = new Member(port(), 3)));
    if (late === undefined) throw new Error('nobody joined late');
    expect([early.connect(late), late.connect(early)]).toEqual([0, 0]);
  });

  it('lets VMs of two jobs talk in a partition that an operator gave both, as far as their memberships allow, and no longer', () => {
    const [a, b, c] = [new Member(port(), 1), new Member(port(), 2), new Member(port(), 2)];
    expect(a.connect(b, 1)).toBe(abi.VB_EINVAL);
    a.port.setMembership('vm', 0x7001, 'full');
    b.port.setMembership('vm', 0x7001, 'limited');
    expect([a, b].map(({ attachment }) => attachment.pkeys()[1])).toEqual([0xf001, 0x7001]);
    const [one, two] = [new Member(a.port, 1), new Member(b.port, 2)];
    a.attachment.detach();
    b.attachment.detach();
    one.attachment.setMembership(0x7001, 'full');
    two.attachment.setMembership(0x7001, 'limited');
    // The first to look finds the other end still in the partition of its job.
    expect([one.connect(two, 1), two.connect(one, 1), one.connect(two, 1)]).toEqual([abi.VB_EINVAL, 0, 0]);
    two.receive();
    one.send();
    expect(two.attachment.counters().messagesReceived).toBe(1);
    // The other VM of the second job is not in it; two limited members do not talk.
    expect(c.connect(one, 1)).toBe(abi.VB_EINVAL);
    c.attachment.setMembership(0x7001, 'limited');
    expect(new Member(c.port, 2).connect(two, 0)).toBe(abi.VB_EINVAL);
    // Taken out again, a queue pair of that key reaches nobody; those of the job are as before.
    two.attachment.setMembership(0x7001, 'none');
    one.send(1);
    subnet.tick(1);
    expect(two.attachment.counters().messagesReceived).toBe(1);
    expect(() => two.attachment.setMembership(0x8002, 'none')).toThrow(/of its job/);
    expect(() => a.port.setMembership('vm-none', 0x7001, 'full')).toThrow(/does not use the adapter/);
  });

  it('carries nothing by a port that is disabled, also one that nobody has used yet, until it is enabled', () => {
    const [at, other] = [port(), port()];
    at.setEnabled(false);
    const [a, b] = [new Member(at, 1), new Member(other, 1)];
    a.connect(b);
    b.connect(a);
    b.receive();
    subnet.tick(1);
    a.send();
    expect([at.enabled, b.attachment.counters().messagesReceived]).toEqual([false, 0]);
    at.setEnabled(true);
    expect(b.attachment.counters().messagesReceived).toBe(1);
  });

  it('counts per domain, and per port under the names of InfiniBand, in units of four bytes', () => {
    const [a, b] = [new Member(port(), 1), new Member(port(), 1)];
    a.connect(b);
    b.connect(a);
    b.receive();
    a.send();
    expect(a.attachment.counters()).toMatchObject({ doorbells: 1, messagesSent: 1, bytesSent: 10, messagesReceived: 0 });
    expect(b.attachment.counters()).toMatchObject({ doorbells: 1, messagesSent: 0, messagesReceived: 1, bytesReceived: 10 });
    const sent = {
      PortXmitData: 3n,
      PortXmitPkts: 1n,
      PortRcvData: 0n,
      PortRcvPkts: 0n,
      PortRcvErrors: 0n,
      PortXmitWait: 0n,
      PortXmitDiscards: 0n,
    };
    expect(a.port.counters()).toEqual(sent);
    const pkeys = Array.from({ length: 16 }, (_, i) => (i === 0 ? 0x8001 : 0));
    expect(a.port.domains()).toEqual([{ vmId: 'vm', virtualFunction: undefined, share: { weight: 1, rate: 0 }, pkeys, counters: sent }]);
    a.attachment.detach();
    expect(a.port.domains()).toEqual([]);
    expect(a.port.counters()).toEqual(sent);
    expect(a.attachment.counters()).toMatchObject({ doorbells: 1, bytesSent: 10 });
    expect(b.port.counters()).toMatchObject({ PortRcvData: 3n, PortRcvPkts: 1n });
  });

  it('counts for a VM whatever it has attached, and knows it as the virtual function that it is', () => {
    const host = port();
    const [vm, function7] = ['vm-a', 'vm-b'].map((vmId) => host.attachDomain({ vmId, memory: sharedMemory() }));
    host.attachDomain({ vmId: 'vm-a', memory: sharedMemory() });
    function7?.becomeVirtualFunction();
    expect(host.domains().map(({ vmId, virtualFunction }) => [vmId, virtualFunction])).toEqual([
      ['vm-a', undefined],
      ['vm-b', 0],
    ]);
    vm?.detach();
    expect(
      host
        .domains()
        .map(({ vmId }) => vmId)
        .sort(),
    ).toEqual(['vm-a', 'vm-b']);
  });

  it('gives a VM its share wherever it has something attached, until it gets what others get', () => {
    const host = port();
    const attach = (vmId: string): DomainAttachment => host.attachDomain({ vmId, memory: sharedMemory() });
    const shares = (): unknown => host.domains().map(({ vmId, share: { weight, rate } }) => [vmId, weight, rate]);
    const first = attach('vm-a');
    host.setShare('vm-a', { weight: 4, rate: 500 });
    const second = attach('vm-a');
    attach('vm-b');
    const given = [
      ['vm-a', 4, 500],
      ['vm-b', 1, 0],
    ];
    expect(shares()).toEqual(given);
    first.detach();
    expect(shares()).toEqual(given);
    expect(() => host.setShare('vm-b', { weight: 0, rate: 0 })).toThrow(RangeError);
    expect(() => host.setShare('vm-c', { weight: 1, rate: 2 ** 27 })).toThrow(RangeError);
    host.setShare('vm-a', undefined);
    expect(shares()).toEqual([
      ['vm-a', 1, 0],
      ['vm-b', 1, 0],
    ]);
    second.detach();
    attach('vm-a');
    expect(shares()).toEqual([
      ['vm-b', 1, 0],
      ['vm-a', 1, 0],
    ]);
  });

  it('sends no faster than its rate, by the time that it is told', () => {
    const slow = subnet.addPort({ nodeName: 'slow', rate: 1 });
    const [a, b] = [new Member(slow, 1), new Member(port(), 1)];
    a.connect(b);
    b.connect(a);
    b.receive();
    b.receive(1);
    subnet.tick(1_000);
    a.send();
    a.send(1);
    expect(slow.counters().PortXmitPkts).toBe(1n);
    for (let now = 1_010; now <= 1_100; now += 10) subnet.tick(now);
    expect(slow.counters().PortXmitPkts).toBe(2n);
  });

  it('tells the members that are left when one goes, and takes its slot back', () => {
    const [a, b] = [new Member(port(), 1), new Member(port(), 1)];
    a.connect(b);
    b.connect(a);
    b.attachment.detach();
    b.attachment.detach();
    expect(a.state).toBe(abi.VB_QPS_ERR);
    expect(() => b.attachment.workerInit()).toThrow('detached');
    const c = new Member(b.port, 1);
    expect(c.attachment.slot).toBe(b.attachment.slot);
    expect(a.connect(c)).toBe(abi.VB_EINVAL);
  });

  it('refuses a partition key or a memory that cannot be', () => {
    const attachment = port().attachDomain({ vmId: 'vm', memory: sharedMemory() });
    for (const pkey of [0, 1.5, 0x8000, 0x1_0001, 2 ** 32]) expect(() => attachment.join(pkey)).toThrow(RangeError);
    expect(() => port().attachDomain({ vmId: 'vm', memory: new WebAssembly.Memory({ initial: 1 }) })).toThrow('shared');
  });

  it('holds 256 domains and says so when there are more', () => {
    const one = port();
    for (let i = 0; i < 256; i++)
      one.attachDomain({ vmId: 'vm', memory: new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }) });
    expect(() => one.attachDomain({ vmId: 'vm', memory: sharedMemory() })).toThrow('all 256 domain slots');
  });
});

/** A subnet: ports with LIDs and GUIDs, any of which reaches any other within a partition, in memory or over links to other processes. */
import { VB_PORT_ACTIVE, VB_PORT_DOWN } from '@verbena/guest-abi';
import { checkShare, HostAdapter, loadFirmware, type DomainShare } from '@verbena/hca';
import { Attachment } from './attachment.ts';
import { commonShare } from './common-share.ts';
import { Partitions } from './partition.ts';
import { portCounters, sumOf, type Counted } from './port-counters.ts';
import { WireTransport } from './wire/transport.ts';
import type {
  DomainAttachment,
  DomainOptions,
  DomainView,
  FabricPort,
  Membership,
  PeerPort,
  PortCounters,
  PortOptions,
  Route,
  Subnet,
  SubnetOptions,
} from './types.ts';

/** Unicast LIDs are 1 to 0xbfff (InfiniBand vol. 1, section 4.1.3). */
const LAST_LID = 0xbfff;
/** Of one port. */
const VIRTUAL_FUNCTIONS = 64;
/** Locally administered, so that it can be no manufacturer's. */
const GUID_BASE = 0x0200_0000_0000_0000n;

interface PlannedPort extends PortOptions {
  readonly lid: number;
  readonly guid: bigint;
  readonly claim: (lid: number) => void;
  readonly wire: WireTransport | undefined;
}

class Port implements FabricPort {
  readonly nodeName: string;
  readonly guid: bigint;
  readonly attachments = new Set<Attachment>();
  readonly #adapter: HostAdapter;
  readonly #partitions: Partitions;
  readonly #claim: (lid: number) => void;
  readonly #wire: WireTransport | undefined;
  readonly #rate: number;
  /** Of VMs that do not get what all get. */
  readonly #shares = new Map<string, Required<DomainShare>>();
  #lid: number;
  /** Of domains that are detached. */
  readonly #past: Counted[] = [];
  #enabled = true;

  constructor(adapter: HostAdapter, partitions: Partitions, options: PlannedPort) {
    this.#adapter = adapter;
    this.#partitions = partitions;
    this.nodeName = options.nodeName;
    this.#claim = options.claim;
    this.#wire = options.wire;
    this.#lid = options.lid;
    this.#rate = options.rate ?? 0;
    this.guid = options.guid;
  }

  get lid(): number {
    return this.#lid;
  }

  assignLid(lid: number): void {
    if (lid === this.#lid) return;
    if (this.#lid !== 0)
      throw new Error(`the port of ${this.nodeName} has LID ${this.#lid}: it cannot become ${lid} before it is made anew`);
    this.#claim(lid);
    this.#lid = lid;
  }

  learnPeers(peers: readonly PeerPort[]): void {
    this.#wire?.learnPeers(peers);
  }

  get endpoint(): string {
    return this.#wire?.endpoint ?? '';
  }

  attachDomain(options: DomainOptions): DomainAttachment {
    if (this.#lid === 0) throw new Error(`the port of ${this.nodeName} is down: it has no LID yet`);
    const peer = this.#adapter.addDomain(options.memory, this.#lid, this.guid);
    if (this.#rate !== 0 && this.attachments.size === 0) this.#adapter.setPort(this.#lid, { rate: this.#rate });
    if (!this.#enabled) this.setEnabled(false);
    this.#wire?.learn(peer);
    const claim = (): number => this.#freeFunction();
    const attachment = new Attachment(options.vmId, this.#adapter, this.#partitions, peer, this.#lid, claim, (gone) => {
      this.attachments.delete(gone);
      this.#wire?.forget(peer);
      this.#past.splice(0, this.#past.length, sumOf([...this.#past, gone.counters()]));
    });
    this.attachments.add(attachment);
    const share = this.#shares.get(options.vmId);
    if (share !== undefined) attachment.setShare(share);
    return attachment;
  }

  #freeFunction(): number {
    const taken = new Set([...this.attachments].map(({ virtualFunction }) => virtualFunction));
    for (let number = 0; number < VIRTUAL_FUNCTIONS; number++) if (!taken.has(number)) return number;
    throw new Error(`all ${VIRTUAL_FUNCTIONS} virtual functions of the adapter of ${this.nodeName} are taken`);
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    if (this.#lid !== 0 && this.#adapter.portState(this.#lid) !== undefined)
      this.#adapter.setPort(this.#lid, { state: enabled ? VB_PORT_ACTIVE : VB_PORT_DOWN });
  }

  routes(): readonly Route[] {
    return this.#wire?.routes() ?? [];
  }

  setMembership(vmId: string, pkey: number, membership: Membership): void {
    const attached = [...this.attachments].filter((each) => each.vmId === vmId && each.used);
    if (attached.length === 0) throw new Error(`VM ${vmId} does not use the adapter of ${this.nodeName}`);
    for (const each of attached) each.setMembership(pkey, membership);
  }

  counters(): PortCounters {
    return portCounters([...this.#past, ...[...this.attachments].map((each) => each.counters())]);
  }

  plug(vmId: string, plugged: boolean): void {
    const attached = [...this.attachments].filter((each) => each.vmId === vmId && each.used);
    if (attached.length === 0) throw new Error(`VM ${vmId} does not use the adapter of ${this.nodeName}`);
    for (const each of attached) {
      if (plugged) each.plug();
      else each.unplug();
    }
  }

  setShare(vmId: string, share: Required<DomainShare> | undefined): void {
    if (share !== undefined) checkShare(share);
    const attached = [...this.attachments].filter((each) => each.vmId === vmId);
    for (const each of attached) each.setShare(share ?? commonShare);
    if (share === undefined) this.#shares.delete(vmId);
    else this.#shares.set(vmId, share);
  }

  domains(): readonly DomainView[] {
    const byVm = Map.groupBy(this.attachments, ({ vmId }) => vmId);
    return [...byVm].map(([vmId, attached]) => ({
      vmId,
      share: attached[0]?.share() ?? commonShare,
      pkeys: attached.find((each) => each.used)?.pkeys() ?? [],
      virtualFunction: attached.find(({ virtualFunction }) => virtualFunction !== undefined)?.virtualFunction,
      counters: portCounters(attached.map((each) => each.counters())),
    }));
  }
}

class LocalSubnet implements Subnet {
  readonly #adapter: HostAdapter;
  readonly #partitions = new Partitions();
  readonly #ports: Port[] = [];
  readonly #wire: WireTransport | undefined;

  constructor(adapter: HostAdapter, wire: WireTransport | undefined) {
    this.#adapter = adapter;
    this.#wire = wire;
  }

  addPort(options: PortOptions): FabricPort {
    const number = this.#ports.length + 1;
    const lid = options.lid ?? number;
    if (lid !== 0) this.#claimLid(lid);
    const guid = options.guid ?? GUID_BASE + BigInt(number);
    const port = new Port(this.#adapter, this.#partitions, {
      ...options,
      lid,
      guid,
      claim: (wish) => this.#claimLid(wish),
      wire: this.#wire,
    });
    this.#ports.push(port);
    return port;
  }

  #claimLid(lid: number): void {
    if (!Number.isInteger(lid) || lid < 1 || lid > LAST_LID) throw new RangeError(`a LID is 1 to ${LAST_LID}, not ${lid}`);
    const holder = this.#ports.find((each) => each.lid === lid);
    if (holder !== undefined) throw new Error(`LID ${lid} belongs to the port of ${holder.nodeName}`);
  }

  ports(): readonly FabricPort[] {
    return this.#ports;
  }

  tick(nowMs: number): void {
    this.#adapter.tick(nowMs);
  }

  heldLocks(): number {
    return this.#adapter.heldLocks();
  }

  close(): void {
    for (const port of this.#ports) for (const attachment of [...port.attachments]) attachment.detach();
    this.#wire?.close();
  }
}

/** Makes an empty subnet with an adapter memory of its own. Throws when the firmware cannot be built, or when nobody can listen for the fabric. */
export async function createSubnet(options: SubnetOptions = {}): Promise<Subnet> {
  const adapter = new HostAdapter(options.firmware ?? (await loadFirmware()));
  return new LocalSubnet(adapter, options.fabric === undefined ? undefined : await WireTransport.open(adapter, options.fabric));
}

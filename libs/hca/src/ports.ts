/** What a guest may know of its port: state, P_Key table, counters. */
import * as abi from '@verbena/guest-abi';
import type { AdapterMemory, PortRow } from './adapter-memory.ts';
import { Refusal, type CommandContext } from './command-context.ts';
import { countsIn, countsOfDomain, countsOfPort, type Counts } from './counters.ts';
import { VBF_PKEYS, VBF_PORTS, VBF_PORT_LANES } from './layout.ts';
import { LIMITS } from './limits.ts';
import { pkeyAt } from './qp-attributes.ts';
import { requireQp } from './queue-pairs.ts';

const MTU_4096 = 5;
const ADDRESS_BITS = 0xffff;

/** The port with this LID, counted from 0; made when there is none. Throws an Error when all are taken. */
export function openPort(memory: AdapterMemory, lid: number, guid: bigint): number {
  let free = -1;
  for (let i = VBF_PORTS - 1; i >= 0; i--) {
    const row = memory.port(i);
    if (row.get('state') === 0) free = i;
    else if (row.get('lid') === lid) return i;
  }
  if (free < 0) throw new Error(`all ${VBF_PORTS} ports of the adapter are taken`);
  // One virtual lane until the subnet manager says otherwise; all have the same weight.
  const lanes = { lane_mask: 1, lane_of: new Uint8Array(16), lane_weight: new Uint8Array(VBF_PORT_LANES).fill(1) };
  memory.port(free).clear({ lid, guid, state: abi.VB_PORT_ACTIVE, ...lanes });
  return free;
}

/** The port of the calling domain. */
export function ownPort({ memory, domain }: Pick<CommandContext, 'memory' | 'domain'>): PortRow {
  return memory.port(domain.get('port') - 1);
}

export function queryPort(context: CommandContext): Uint8Array {
  const { domain } = context;
  const port = ownPort(context);
  return abi.portInfo.encode({
    port_guid: domain.get('port_guid'),
    lid: port.get('lid'),
    sm_lid: port.get('sm_lid'),
    state: port.load('state'),
    max_mtu: MTU_4096,
    active_mtu: MTU_4096,
    pkeys: VBF_PKEYS,
    qkey_violations: port.load('qkey_violations'),
    pkey_violations: port.load('pkey_violations'),
    vls: 32 - Math.clz32(port.get('lane_mask')),
  });
}

export function queryPkey(context: CommandContext, input: Uint8Array): Uint8Array {
  const { handle: index } = abi.cmdHandle.decode(input);
  if (index >= VBF_PKEYS) throw new Refusal(abi.VB_EINVAL, `the P_Key table has ${VBF_PKEYS} entries`);
  return abi.cmdHandle.encode({ handle: pkeyAt(context, index) & ADDRESS_BITS });
}

export function queryLimits({ limits }: CommandContext): Uint8Array {
  return abi.limits.encode({
    max_srq: limits.srqs,
    max_srq_wr: LIMITS.queueEntries,
    max_srq_sge: LIMITS.srqSge,
    max_mw: limits.mrs,
    max_pkeys: VBF_PKEYS,
  });
}

function countsOf(context: CommandContext, kind: number, number: number): Counts {
  const { memory, domain, slot } = context;
  switch (kind) {
    case abi.VB_COUNTERS_PORT:
      return countsOfPort(memory, domain.get('port') - 1);
    case abi.VB_COUNTERS_VF:
      return countsOfDomain(memory, slot);
    case abi.VB_COUNTERS_QP:
      return countsIn(requireQp(context, number));
    default:
      throw new Refusal(abi.VB_EINVAL, `${kind} is no kind of counters`);
  }
}

export function queryCounters(context: CommandContext, input: Uint8Array): Uint8Array {
  const { kind, number } = abi.countersIn.decode(input);
  const counts = countsOf(context, kind & ~abi.VB_COUNTERS_SEQUENCE, number);
  if ((kind & abi.VB_COUNTERS_SEQUENCE) !== 0) return abi.sequenceCounters.encode(counts);
  const port = ownPort(context);
  return abi.counters.encode({
    port_xmit_data: (counts.tx_bytes + 3n) / 4n,
    port_rcv_data: (counts.rx_bytes + 3n) / 4n,
    port_xmit_pkts: counts.tx_messages + counts.tx_packets,
    port_rcv_pkts: counts.rx_messages + counts.rx_packets,
    port_rcv_errors: counts.rx_errors,
    port_xmit_discards: counts.tx_drops,
    port_xmit_wait: counts.tx_waits,
    qp1_dropped: counts.rx_drops,
    port_rcv_constraint_errors: kind === abi.VB_COUNTERS_PORT ? BigInt(port.load('pkey_violations')) : 0n,
  });
}

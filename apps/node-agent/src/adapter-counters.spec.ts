import { expect, it } from 'vitest';
import { adapterCounters } from './adapter-counters.ts';
import { UnconnectedPort } from './node-port.ts';

const counters = (sent: bigint) => ({
  PortXmitData: sent,
  PortRcvData: 2n,
  PortXmitPkts: 3n,
  PortRcvPkts: 4n,
  PortRcvErrors: 5n,
  PortXmitWait: 6n,
  PortXmitDiscards: 7n,
});

it('a host without an adapter has counted nothing', () => {
  expect(adapterCounters(new UnconnectedPort(0x12n))).toEqual({ lid: 0, portGuid: '0x0000000000000012', vms: [] });
});

it('the counters of a port and of its VMs are told under their names, VMs in order', () => {
  const port = Object.assign(new UnconnectedPort(1n), {
    lid: 9,
    counters: () => counters(100n),
    domains: () => [
      { vmId: 'vm-b', virtualFunction: 3, share: { weight: 1, rate: 0 }, pkeys: [], counters: counters(60n) },
      { vmId: 'vm-a', virtualFunction: undefined, share: { weight: 1, rate: 0 }, pkeys: [], counters: counters(40n) },
    ],
  });
  const rest = {
    portRcvData: 2n,
    portXmitPkts: 3n,
    portRcvPkts: 4n,
    portRcvErrors: 5n,
    portXmitWait: 6n,
    portXmitDiscards: 7n,
  };
  expect(adapterCounters(port)).toEqual({
    lid: 9,
    portGuid: '0x0000000000000001',
    port: { portXmitData: 100n, ...rest },
    vms: [
      { vmId: 'vm-a', counters: { portXmitData: 40n, ...rest } },
      { vmId: 'vm-b', virtualFunction: 3, counters: { portXmitData: 60n, ...rest } },
    ],
  });
});

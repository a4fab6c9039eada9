import { create } from '@bufbuild/protobuf';
import { nodev1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { parsePartition, portLines } from './fabric.ts';

describe('a port of the subnet', () => {
  it('is shown with the P_Keys of its VMs, the first of which is their job’s, and its routes', () => {
    const port = create(nodev1.SubnetPortSchema, {
      ...{ lid: 3, guid: '0x0002c90300000003', enabled: true, endpoint: '10.0.0.3:7000' },
      vms: [{ vmId: 'vm-a', pkeys: [0x8001, 0, 0x7001, 0xf002] }],
      routes: [
        { lid: 1, endpoint: '10.0.0.1:7000', up: true },
        { lid: 2, endpoint: '10.0.0.2:7000', up: false },
      ],
    });
    expect(portLines('node-2', port)).toEqual([
      'port of node-2',
      '  LID        3',
      '  GUID       0x0002c90300000003',
      '  state      active',
      '  endpoint   10.0.0.3:7000',
      'P_Keys of vm-a',
      '   0  0x8001 full, of its job',
      '   2  0x7001 limited',
      '   3  0xf002 full',
      'routes to other processes',
      '  LID 1 by 10.0.0.1:7000, up',
      '  LID 2 by 10.0.0.2:7000, not open',
    ]);
  });

  it('that is disabled says so', () => {
    expect(portLines('node-2', create(nodev1.SubnetPortSchema, { lid: 3 }))).toContain('  state      down: disabled by an operator');
  });
});

describe('the number of a partition', () => {
  it.each([
    ['0x7001', 0x7001],
    ['0x7FFE', 0x7ffe],
    ['28672', 0x7000],
  ])('may be %s', (text, value) => {
    expect(parsePartition(text)).toBe(value);
  });

  it.each(['0x6fff', '0x7fff', '0xf001', '7001x', '', '-1', '0x'])('cannot be "%s"', (text) => {
    expect(() => parsePartition(text)).toThrow(/0x7000 to 0x7ffe/);
  });
});

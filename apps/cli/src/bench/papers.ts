/**
 * What the papers measured: "A Case for High Performance Computing with Virtual Machines" (ICS 2006), and its technical report. Eight nodes with
 * two 3.0 GHz Xeons and a Mellanox MT23108 adapter, Xen 3.0. Numbers that stand in the text; those of charts were never printed.
 */
export const testbed =
  'S1: 8 nodes, two 3.0 GHz Xeons each, 2 GB, Mellanox MT23108 PCI-X adapters, Xen 3.0, two guests with one VCPU a node';

export interface TimeSplit {
  readonly dom0: number;
  readonly vmm: number;
  readonly guests: number;
}

const split = (dom0: number, vmm: number, guests: number): TimeSplit => ({ dom0, vmm, guests });

/** Table 1: NAS over TCP through Dom0, in percent. */
export const table1: Readonly<Record<string, TimeSplit>> = {
  EP: split(0.6, 0.3, 99.0),
  IS: split(18.1, 13.1, 68.8),
  CG: split(16.6, 10.7, 72.7),
  BT: split(6.1, 4.0, 89.9),
  SP: split(9.7, 6.5, 83.8),
};

/** Table 2: NAS with VMM-bypass, in percent. */
export const table2: Readonly<Record<string, TimeSplit>> = {
  EP: split(0.6, 0.3, 99.3),
  IS: split(3.6, 1.9, 94.5),
  CG: split(0.6, 0.3, 99.0),
  FT: split(1.6, 0.5, 97.9),
  MG: split(1.8, 1.0, 97.3),
  LU: split(0.6, 0.3, 99.0),
  SP: split(0.3, 0.1, 99.6),
  BT: split(0.4, 0.2, 99.4),
};

/** Fig 3: how much slower than native NAS ran over TCP through the privileged domain. */
export const fig3: Readonly<Record<string, string>> = { EP: 'as native', IS: '12% slower', CG: '17% slower' };

/** Fig 12: NAS class B with bypass, 16 processes. */
export const fig12: Readonly<Record<string, string>> = {
  EP: 'as native',
  IS: 'as native',
  CG: '4% slower',
  FT: '4% slower',
  MG: 'as native',
  LU: 'as native',
  SP: 'as native',
  BT: 'as native',
};

export const texts = {
  fig7: 'Fig 7, MPI latency: 4.9 us for 1 byte, in the VM as natively.',
  fig8: 'Fig 8, MPI bandwidth: 880 MB/s (10^6 bytes), in the VM as natively.',
  fig9: 'Fig 9, registration: dearer in a guest, since it is privileged; the cache of the MPI library hides it.',
  fig10:
    'Figs 10 and 11, without the registration cache: about 200 us more for medium and large messages, at most 11% less bandwidth; nothing for short ones.',
  fig3: 'Fig 3, 4 processes over TCP through the privileged domain; here the paths through a driver domain. Fig 12, class B on 16 processes with bypass.',
  fig13: 'Fig 13, HPL on 2 to 16 processes: within 1% of native.',
  table1: 'Table 1 is of TCP through Dom0. Percent of the processor time in Dom0, the VMM and the guests.',
  table2: 'Table 2, with VMM-bypass: at least 94.5% in the guests.',
  table3:
    'Table 3: ttylinux domU starts in 5.3 s, stops in 5.0 s, takes 23.6 MB; AS4 domU 24.1 s, 13.2 s, 77.1 MB; AS4 native 58.9 s, 18.4 s, 90.0 MB.',
} as const;

import { describe, expect, it } from 'vitest';
import { VB_DATA_BASE, VB_UAR_RQ } from '@verbena/guest-abi';
import { ControlBlock } from '../control-block.ts';
import { Vmm } from '../vmm.ts';
import { openFrontend } from './frontend.ts';
import { sharedPageBytes, SharedPage } from './shared-ring.ts';

const pages = VB_DATA_BASE / 65_536 + 1;
const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });

/** A frontend whose driver domain takes one request whenever the guest's thread sleeps. */
function frontend() {
  const page = new SharedArrayBuffer(sharedPageBytes);
  const shared = new SharedPage(page);
  const vmm = new Vmm(memory(), new ControlBlock(), () => undefined, false);
  let sleeps = 0;
  vmm.sleep = () => {
    sleeps++;
    shared.store('tail', shared.load('tail') + 1);
  };
  const adapter = openFrontend({ page, driver: memory() }, vmm);
  return { adapter, shared, sleeps: () => sleeps, ring: adapter.uarWrite as (register: number, low: number, high: number) => void };
}

describe("the guest's half of a split driver", () => {
  it('settles when the driver domain has taken every doorbell, and not before', () => {
    const { adapter, shared, sleeps, ring } = frontend();
    for (let i = 0; i < 3; i++) ring(VB_UAR_RQ, 7, i);
    expect(shared.load('tail')).toBe(0);
    adapter.settle?.();
    expect([shared.load('tail'), sleeps()]).toEqual([3, 3]);
    adapter.settle?.();
    expect(sleeps()).toBe(3);
  });

  it('settles at once when the connection has been closed', () => {
    const { adapter, shared, sleeps, ring } = frontend();
    ring(VB_UAR_RQ, 7, 0);
    shared.store('closed', 1);
    adapter.settle?.();
    expect([shared.load('tail'), sleeps()]).toEqual([0, 0]);
  });
});

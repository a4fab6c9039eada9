import { eventPage, statusPage, VB_EVENT_PAGE_ADDR, VB_MPI_FINALIZED, VB_MPI_INITIALIZED, VB_STATUS_PAGE_ADDR } from '@verbena/guest-abi';
import type { DomainActivity } from '../port.ts';
import type { AdapterCounters } from './adapter-binding.ts';
import { VCPU_BLOCKED, word, type ControlBlock } from './control-block.ts';
import { printable } from './hypercalls/printable.ts';

export const noActivity: DomainActivity = { blocked: false, activity: 0n, waitsFor: '', mpiState: 'not-initialized' };

/** Reads what a guest does from shared memory only. */
export function readActivity(memory: WebAssembly.Memory, control: ControlBlock, adapter: AdapterCounters): DomainActivity {
  const view = new DataView(memory.buffer);
  const wakeups = Atomics.load(new Int32Array(memory.buffer, VB_EVENT_PAGE_ADDR, eventPage.size / 4), eventPage.offsets.wakeups / 4);
  const blocked = control.load(word.state) === VCPU_BLOCKED && control.load(word.seen) === wakeups;
  const state = statusPage.get(view, VB_STATUS_PAGE_ADDR, 'mpi_state');
  const sum = BigInt(control.load(word.wakes) >>> 0) + BigInt(adapter.messagesSent) + BigInt(adapter.messagesReceived);
  return {
    blocked,
    activity: BigInt.asUintN(64, statusPage.get(view, VB_STATUS_PAGE_ADDR, 'activity') + sum),
    waitsFor: waitsFor(memory),
    mpiState: state === VB_MPI_INITIALIZED ? 'initialized' : state === VB_MPI_FINALIZED ? 'finalized' : 'not-initialized',
  };
}

/** What the guest says that it waits for; empty when it does not. Its words are copied once and made printable. */
export function waitsFor(memory: WebAssembly.Memory): string {
  const waiting = statusPage.get(new DataView(memory.buffer), VB_STATUS_PAGE_ADDR, 'waiting') === 1;
  const { waits_for: at } = statusPage.offsets;
  const text = new Uint8Array(new Uint8Array(memory.buffer, VB_STATUS_PAGE_ADDR + at, statusPage.fields.waits_for.size));
  return waiting ? printable(text) : '';
}

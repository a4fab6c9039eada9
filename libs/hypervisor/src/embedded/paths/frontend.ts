/**
 * The guest's half of a split driver (R2). A doorbell becomes a request in the shared ring; the driver domain is notified only when it
 * sleeps, and that notification is the VMM operation of this path. A set-up command waits for its answer.
 */
import { VB_EINVAL, VB_ENODEV, VB_UAR_CQ_ARM_SOLICITED, VB_UAR_POLL } from '@verbena/guest-abi';
import type { PathAdapter } from '../adapter-binding.ts';
import { VCPU_WAITING } from '../control-block.ts';
import { notifyCall } from '../hypercalls/table.ts';
import type { Vmm } from '../vmm.ts';
import { DoorbellPage } from './doorbell-page.ts';
import { COMMAND_ANSWERED, COMMAND_ASKED, COMMAND_NONE, commandBytes, field, ringEntries, SharedPage } from './shared-ring.ts';

/** Structured-cloneable. */
export interface FrontendStart {
  readonly page: SharedArrayBuffer;
  /** The driver domain's memory: its event page is rung. */
  readonly driver: WebAssembly.Memory;
}

/** How often a frontend that waits looks whether it is to end, in milliseconds. */
const lookMs = 5;
/** A driver domain that has died is replaced in less; after that the adapter counts as gone. */
const patienceMs = 30_000;
const nothing = new Uint8Array();

export function openFrontend({ page, driver }: FrontendStart, vmm: Vmm): PathAdapter {
  const shared = new SharedPage(page);
  const { words } = shared;
  const doorbell = new DoorbellPage(driver);
  let head = shared.load('head');

  const notify = (): void => {
    if (!doorbell.claimWake()) return;
    vmm.enter(notifyCall.slot);
    vmm.control.add('dataPathVmmOperations', 1);
    doorbell.notify();
    vmm.leave();
  };
  /** Waits while a word of the page holds `value`; false when that lasted too long. */
  const waitWhile = (index: number, value: () => number): boolean => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const present = Atomics.load(words, index);
      if (present !== value()) return true;
      if (shared.load('closed') === 1 || performance.now() > deadline) return false;
      doorbell.notify();
      vmm.sleep(VCPU_WAITING, () => void Atomics.wait(words, index, present, lookMs));
    }
  };

  const uarWrite = (register: number, low: number, high: number): void => {
    // The driver domain looks after links by itself.
    if (register >>> 0 > VB_UAR_CQ_ARM_SOLICITED || register === VB_UAR_POLL) return;
    if (((head - shared.load('tail')) | 0) >= ringEntries && !waitWhile(field.tail, () => (head - ringEntries) | 0)) return;
    const at = shared.request(head);
    words[at] = register;
    words[at + 1] = low;
    words[at + 2] = high;
    head = (head + 1) | 0;
    shared.store('head', head);
    notify();
  };

  const command: PathAdapter['command'] = (opcode, input) => {
    if (input.length > commandBytes) return { status: VB_EINVAL, output: nothing };
    if (shared.load('command') === COMMAND_ASKED) return { status: VB_ENODEV, output: nothing };
    shared.bytes.set(input);
    shared.store('opcode', opcode);
    shared.store('length', input.length);
    shared.store('command', COMMAND_ASKED);
    doorbell.notify();
    if (!waitWhile(field.command, () => COMMAND_ASKED)) return { status: VB_ENODEV, output: nothing };
    if (shared.load('command') !== COMMAND_ANSWERED) return { status: VB_ENODEV, output: nothing };
    const output = shared.bytes.slice(0, shared.load('length'));
    const status = shared.load('status');
    shared.store('command', COMMAND_NONE);
    return { status, output };
  };

  const settle = (): void => {
    for (let tail = shared.load('tail'); tail !== head; tail = shared.load('tail')) {
      const behind = tail;
      if (!waitWhile(field.tail, () => behind)) return;
    }
  };

  return { uarWrite, command, settle };
}

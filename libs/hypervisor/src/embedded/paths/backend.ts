/**
 * The driver domain's half of a split driver (R2), for one guest. It rings the adapter in the guest's name, carries out its set-up commands,
 * and brings its completions: the adapter completes into queues in the driver domain's memory, from where they are copied to the guest's.
 */
import { memoryBytes, openAdapter, type AdapterWorkerInit } from '@verbena/hca';
import {
  cmdHandle,
  cqe,
  createCqIn,
  resizeCqIn,
  VB_CMD_CREATE_CQ,
  VB_CMD_DESTROY_CQ,
  VB_CMD_RESIZE_CQ,
  VB_EFAULT,
  VB_EINVAL,
  VB_ENOSPC,
  VB_UAR_CQ_ARM,
  VB_UAR_CQ_ARM_SOLICITED,
  VB_UAR_CQ_CI,
  VB_UAR_RQ,
  VB_UAR_SRQ,
} from '@verbena/guest-abi';
import { COMMAND_ANSWERED, COMMAND_ASKED, commandBytes, queueEntries, queueField as q, SharedPage } from './shared-ring.ts';
import type { ShadowRings } from './shadow-rings.ts';
import { GuestQueues } from './guest-queues.ts';

/** Structured-cloneable; the ports of both adapters must be in the transfer list. */
export interface BackendStart {
  readonly connection: number;
  readonly page: SharedArrayBuffer;
  /** The adapter in the guest's name, and in the driver domain's own for the guest's completion queues. */
  readonly guest: AdapterWorkerInit;
  readonly own: AdapterWorkerInit;
}

/** A completion queue that it serves, as it knows it by itself: the page is the guest's, and may say anything later. */
interface ServedQueue {
  readonly at: number;
  readonly cqn: number;
  readonly shadow: number;
  readonly ring: number;
  readonly entries: number;
}

type Ring = (register: number, low: number, high: number) => void;
interface Answer {
  readonly status: number;
  readonly output: Uint8Array;
}
const entryWords = cqe.size / 4;
const generationWord = cqe.offsets.generation / 4;
/** Of a driver domain's memory, for the completion queues of one guest. */
const shadowBytes = 16 * 1024 * 1024;
const refused = (status: number): Answer => ({ status, output: new Uint8Array() });

export class Backend {
  readonly page: SharedPage;
  readonly #guestRing: Ring;
  readonly #ownRing: Ring;
  readonly #command: (opcode: number, input: Uint8Array) => Answer;
  readonly #guestMemory: WebAssembly.Memory;
  readonly #shadows: ShadowRings;
  readonly #queues = new Map<number, ServedQueue>();
  readonly #guest: GuestQueues;

  constructor({ page, guest, own }: BackendStart, shadows: ShadowRings) {
    this.page = new SharedPage(page);
    const adapter = openAdapter(guest);
    this.#guestRing = adapter.uarWrite as Ring;
    this.#command = adapter.command;
    this.#ownRing = openAdapter(own).uarWrite as Ring;
    this.#guestMemory = guest.guestMemory;
    this.#guest = new GuestQueues(guest.guestMemory);
    this.#shadows = shadows;
  }

  /** Does what there is to do; false when there was nothing. */
  turn(): boolean {
    let any = this.#takeRequests();
    if (this.page.load('command') === COMMAND_ASKED) {
      // What was rung before the command comes before it.
      this.#takeRequests();
      this.#answer();
      any = true;
    }
    for (const queue of this.#queues.values()) any = this.#bring(queue) || any;
    return any;
  }

  /** Before the driver domain sleeps: a completion that comes shall wake it. */
  arm(): void {
    const { words } = this.page;
    for (const queue of this.#queues.values())
      if (this.#room(queue) > 0) this.#ownRing(VB_UAR_CQ_ARM, queue.cqn, words[queue.at + q.moved] ?? 0);
  }

  #takeRequests(): boolean {
    const { page } = this;
    const { words } = page;
    const head = page.load('head');
    let tail = page.load('tail');
    if (tail === head) return false;
    // A frontend that counts nonsense gets no more than one ring's worth of turns.
    for (let left = 256; tail !== head && left > 0; left--) {
      const at = page.request(tail);
      this.#ring(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0);
      tail = (tail + 1) | 0;
      page.store('tail', tail);
      Atomics.add(words, 6, 1);
    }
    Atomics.notify(words, 1);
    return true;
  }

  #ring(register: number, low: number, high: number): void {
    if (register >>> 0 <= VB_UAR_RQ || register === VB_UAR_SRQ) return this.#guestRing(register, low, high);
    const queue = this.#queues.get(low | 0);
    if (queue === undefined) return;
    const { words } = this.page;
    const { at } = queue;
    const moved = words[at + q.moved] ?? 0;
    if (((moved - high) | 0) >= 0) words[at + q.consumer] = high;
    // A queue that is armed for solicited completions wakes for all: the guest looks again.
    if (register !== VB_UAR_CQ_ARM && register !== VB_UAR_CQ_ARM_SOLICITED) return;
    if (((moved - high) | 0) > 0) this.#guest.raise();
    else words[at + q.armed] = 1;
  }

  /** Entries that are free in the guest's ring; no more than it has, whatever the guest counts. */
  #room({ at, entries }: ServedQueue): number {
    const { words } = this.page;
    return Math.min(entries, entries - (((words[at + q.moved] ?? 0) - (words[at + q.consumer] ?? 0)) | 0));
  }

  #bring(queue: ServedQueue): boolean {
    const { at, entries, cqn } = queue;
    const { words } = this.page;
    const shadow = this.#shadows.words;
    const [from, to] = [queue.shadow >>> 2, queue.ring >>> 2];
    let moved = words[at + q.moved] ?? 0;
    let brought = 0;
    for (let room = this.#room(queue); room > 0; room--) {
      const index = (moved & (entries - 1)) * entryWords;
      if (Atomics.load(shadow, from + index + generationWord) !== ((moved + 1) | 0)) break;
      this.#guest.put(to + index, shadow.subarray(from + index, from + index + entryWords));
      moved = (moved + 1) | 0;
      words[at + q.moved] = moved;
      brought++;
      if ((moved & ((entries >>> 2) - 1)) === 0 || entries < 4) this.#ownRing(VB_UAR_CQ_CI, cqn, moved);
    }
    if (brought === 0) return false;
    Atomics.add(words, 8, brought);
    if (words[at + q.armed] === 1) {
      words[at + q.armed] = 0;
      this.#guest.raise();
    }
    return true;
  }

  #answer(): void {
    const { page } = this;
    const opcode = page.load('opcode');
    const input = page.bytes.slice(0, Math.min(page.load('length') >>> 0, commandBytes));
    const { status, output } =
      opcode === VB_CMD_CREATE_CQ
        ? this.#createQueue(input)
        : opcode === VB_CMD_DESTROY_CQ
          ? this.#destroyQueue(input)
          : opcode === VB_CMD_RESIZE_CQ
            ? this.#resizeQueue(input)
            : this.#command(opcode, input);
    page.bytes.set(output);
    page.store('length', output.length);
    page.store('status', status);
    Atomics.add(page.words, 7, 1);
    page.store('command', COMMAND_ANSWERED);
    Atomics.notify(page.words, 2);
  }

  /** The adapter's queue lies in the driver domain's memory, and is brought to the one that the guest gave. */
  #createQueue(input: Uint8Array): Answer {
    if (input.length < createCqIn.size) return refused(VB_EINVAL);
    const { ring_addr, entries } = createCqIn.decode(input);
    const wrong = this.#checkRing(ring_addr, entries);
    if (wrong !== 0) return refused(wrong);
    const { words } = this.page;
    const taken = new Set([...this.#queues.values()].map(({ at }) => at));
    const free = Array.from({ length: queueEntries }, (_, i) => this.page.queue(i)).find((at) => !taken.has(at));
    const shadow = free === undefined ? undefined : this.#takeShadow(entries);
    if (free === undefined || shadow === undefined) return refused(VB_ENOSPC);
    const answer = this.#command(VB_CMD_CREATE_CQ, createCqIn.encode({ ring_addr: BigInt(shadow), entries }));
    if (answer.status !== 0) {
      this.#shadows.give(shadow);
      return answer;
    }
    words[free + q.shadow] = shadow;
    words[free + q.ring] = Number(ring_addr);
    words[free + q.entries] = entries;
    for (const name of [q.moved, q.consumer, q.armed]) words[free + name] = 0;
    const cqn = cmdHandle.decode(answer.output).handle | 0;
    words[free + q.cqn] = cqn;
    this.#queues.set(cqn, { at: free, cqn, shadow, ring: Number(ring_addr), entries });
    return answer;
  }

  #checkRing(ring_addr: bigint, entries: number): number {
    if (ring_addr % BigInt(cqe.size) !== 0n || entries === 0) return VB_EINVAL;
    const end = ring_addr + BigInt(entries * cqe.size);
    return end > BigInt(memoryBytes(this.#guestMemory, end)) ? VB_EFAULT : 0;
  }

  /** Room for a ring in the driver domain's memory, or undefined when the guest or the domain has no more. */
  #takeShadow(entries: number): number | undefined {
    const used = [...this.#queues.values()].reduce((sum, queue) => sum + queue.entries * cqe.size, entries * cqe.size);
    return used > shadowBytes ? undefined : this.#shadows.take(entries * cqe.size);
  }

  /** The adapter moves its queue to another shadow; what was brought and not consumed moves from one ring of the guest's to the other. */
  #resizeQueue(input: Uint8Array): Answer {
    if (input.length < resizeCqIn.size) return refused(VB_EINVAL);
    const { cqn, entries, ring_addr } = resizeCqIn.decode(input);
    const queue = this.#queues.get(cqn | 0);
    const wrong = this.#checkRing(ring_addr, entries);
    if (queue === undefined || wrong !== 0) return refused(wrong || VB_EINVAL);
    while (this.#bring(queue));
    const { words } = this.page;
    const [moved, room] = [words[queue.at + q.moved] ?? 0, this.#room(queue)];
    const unread = queue.entries - room;
    if (room < 0 || unread > entries) return refused(VB_EINVAL);
    const shadow = this.#takeShadow(entries);
    if (shadow === undefined) return refused(VB_ENOSPC);
    this.#ownRing(VB_UAR_CQ_CI, queue.cqn, moved);
    const answer = this.#command(VB_CMD_RESIZE_CQ, resizeCqIn.encode({ cqn, entries, ring_addr: BigInt(shadow) }));
    if (answer.status !== 0) {
      this.#shadows.give(shadow);
      return answer;
    }
    const [from, to] = [queue.ring >>> 2, Number(ring_addr) >>> 2];
    for (let i = moved - unread; i !== moved; i++) {
      const at = from + (i & (queue.entries - 1)) * entryWords;
      this.#guest.move(to + (i & (entries - 1)) * entryWords, at);
    }
    this.#shadows.give(queue.shadow);
    this.#queues.set(queue.cqn, { ...queue, shadow, ring: Number(ring_addr), entries });
    words[queue.at + q.shadow] = shadow;
    words[queue.at + q.ring] = Number(ring_addr);
    words[queue.at + q.entries] = entries;
    return answer;
  }

  #destroyQueue(input: Uint8Array): Answer {
    const answer = this.#command(VB_CMD_DESTROY_CQ, input);
    const queue = answer.status === 0 ? this.#queues.get(cmdHandle.decode(input).handle | 0) : undefined;
    if (queue !== undefined) this.#drop(queue);
    return answer;
  }

  #drop({ at, cqn, shadow }: ServedQueue): void {
    this.#shadows.give(shadow);
    this.#queues.delete(cqn);
    this.page.words[at + q.cqn] = 0;
  }

  /** The guest has ended. What it had rung goes out, for others wait for it; then the driver domain's memory that it used is free. */
  close(): void {
    this.#takeRequests();
    for (const queue of [...this.#queues.values()]) this.#drop(queue);
  }

  /** Rings that the page says are in use: after a restart they are taken again, if that can be. */
  keepRings(): void {
    const { words } = this.page;
    let used = 0;
    for (let i = 0; i < queueEntries; i++) {
      const at = this.page.queue(i);
      const word = (name: number): number => (words[at + name] ?? 0) >>> 0;
      const [cqn, shadow, ring, entries] = [word(q.cqn) | 0, word(q.shadow), word(q.ring), word(q.entries)];
      const bytes = entries * cqe.size;
      const sound = cqn !== 0 && entries !== 0 && (entries & (entries - 1)) === 0 && ring % cqe.size === 0 && !this.#queues.has(cqn);
      if (!sound || used + bytes > shadowBytes || !this.#shadows.keep(shadow, bytes)) continue;
      used += bytes;
      this.#queues.set(cqn, { at, cqn, shadow, ring, entries });
    }
  }
}

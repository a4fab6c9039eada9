/**
 * The control block: one SharedArrayBuffer per domain through which the main thread and the thread of the vCPU see each other while the
 * guest runs. No guest can address it.
 *
 * Words are 32-bit and atomic. `attention` holds requests of the main thread; the vCPU looks at it whenever it enters the VMM and after each
 * sleep. The vCPU says RUNNING before it looks, the main thread asks before it reads the state, so one of the two always sees the other:
 * a vCPU that is seen asleep will park before its guest runs again.
 *
 * Counters are 64-bit floats with one writer, the vCPU; integers stay exact up to 2^53.
 */
export const word = {
  /** ATTENTION_* bits. */
  attention: 0,
  /** VCPU_*. */
  state: 1,
  /** The value of event_page.wakeups that a sleeping guest has seen. */
  seen: 2,
  /** What the vCPU sleeps on when the guest waits for the host (time-outs, rendezvous); changes to wake it. */
  bell: 3,
  /** Wake-ups from sleep. */
  wakes: 4,
  /** 1 once the program made files under /tmp that the main thread has to remove. */
  temporaryFiles: 5,
  /** 1 once the guest said that an allocation failed at its memory limit. */
  outOfMemory: 6,
  /** The slot of the call in which the vCPU is inside the VMM, from 1; 0 in the guest. For the profiler. */
  inVmm: 7,
  /** SUSPEND_*. */
  suspend: 8,
  /** The epoch for which the guest is asked to its safepoint; 0 for none. */
  quiesce: 9,
  /** (epoch << 2) | RELEASE_* for a guest in its safepoint; 0 again when the guest has read it. */
  release: 10,
} as const;

export const ATTENTION_PAUSE = 1;
export const ATTENTION_KILL = 2;
/** Set by the vCPU itself while its frames unwind: nothing of the guest should call the VMM then. */
export const ATTENTION_UNWINDING = 4;
/** Held back for a part of its time, see throttle.ts. */
export const ATTENTION_THROTTLE = 8;

/** The main thread goes from NONE to WANTED and back, the vCPU from WANTED to ACCEPTED or NONE, by compare and exchange. */
export const SUSPEND_NONE = 0;
export const SUSPEND_WANTED = 1;
export const SUSPEND_ACCEPTED = 2;

export const RELEASE_EPOCH_SHIFT = 2;
export const RELEASE_SAME = 1;
export const RELEASE_NEW_ADAPTER = 2;

export const VCPU_STOPPED = 0;
export const VCPU_RUNNING = 1;
/** In VB_HC_BLOCK without a time-out. */
export const VCPU_BLOCKED = 2;
/** In another sleep inside the VMM: a time-out, a rendezvous, a full console. */
export const VCPU_WAITING = 3;
/** Paused: runs again when ATTENTION_PAUSE is cleared. */
export const VCPU_PARKED = 4;

export const fixedCounters = [
  'vmmOperations',
  'dataPathVmmOperations',
  'outputBytes',
  'cpuSeconds',
  'consoleLines',
  'spawnRequests',
] as const;
export type FixedCounter = (typeof fixedCounters)[number];

const wordCount = 16;
const callSlots = 96;

export class ControlBlock {
  readonly shared: SharedArrayBuffer;
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly #counters: Float64Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(wordCount * 4 + (fixedCounters.length + callSlots) * 8)) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, wordCount);
    this.#counters = new Float64Array(shared, wordCount * 4);
  }

  /** Before a program starts; no vCPU runs. */
  reset(): void {
    this.words.fill(0);
    this.#counters.fill(0);
  }

  load(index: number): number {
    return Atomics.load(this.words, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.words, index, value);
  }

  /** Wakes a vCPU that sleeps on the bell. */
  ring(): void {
    Atomics.add(this.words, word.bell, 1);
    Atomics.notify(this.words, word.bell);
  }

  counter(name: FixedCounter): number {
    return this.#counters[fixedCounters.indexOf(name)] ?? 0;
  }

  setCounter(name: FixedCounter, value: number): void {
    this.#counters[fixedCounters.indexOf(name)] = value;
  }

  /** A counter of one call, by its slot in the table of calls. */
  call(slot: number): number {
    return this.#counters[fixedCounters.length + slot] ?? 0;
  }

  setCall(slot: number, count: number): void {
    this.#counters[fixedCounters.length + slot] = count;
  }

  /** Counts a call with this slot: a VMM operation, but for a program outside any domain, to which it is a system call. */
  countCall(slot: number, native = false): void {
    const at = fixedCounters.length + slot;
    this.#counters[at] = (this.#counters[at] ?? 0) + 1;
    if (!native) this.#counters[0] = (this.#counters[0] ?? 0) + 1;
  }

  add(name: FixedCounter, amount: number): void {
    this.setCounter(name, this.counter(name) + amount);
  }
}

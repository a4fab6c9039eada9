/** Event channels as the main thread raises them (verbena/abi.h). */
import {
  eventPage,
  VB_CHANNEL_CONTROL,
  VB_EVENT_PAGE_ADDR,
  VB_SPAWN_GRANTED,
  VB_SPAWN_NO_CORES,
  VB_SPAWN_NO_PROGRAM,
  VB_SPAWN_REFUSED,
  VB_SPAWN_VALUE_SHIFT,
} from '@verbena/guest-abi';
import type { SpawnAnswer } from '../port.ts';
import { sharedBuffer } from './shared-buffer.ts';

const at = {
  pending: eventPage.offsets.pending / 4,
  wakeups: eventPage.offsets.wakeups / 4,
  control: eventPage.offsets.control / 4,
  poll: eventPage.offsets.poll / 4,
  spawn: eventPage.offsets.spawn / 4,
};

const page = (memory: WebAssembly.Memory): Int32Array => new Int32Array(sharedBuffer(memory), VB_EVENT_PAGE_ADDR, eventPage.size / 4);

/** Ends a sleep in VB_HC_BLOCK; the guest finds nothing new. */
export function wakeGuest(memory: WebAssembly.Memory): void {
  const events = page(memory);
  Atomics.add(events, at.wakeups, 1);
  Atomics.notify(events, at.wakeups);
}

/** Takes back what wakeGuest did to a guest that has not looked: nothing had happened for it. */
export function unwakeGuest(memory: WebAssembly.Memory): void {
  Atomics.sub(page(memory), at.wakeups, 1);
}

/** Whether a guest that computes is to look up for this (VB_POLL_*) at its next poll. */
export function askAtPoll(memory: WebAssembly.Memory, what: number, wanted: boolean): void {
  if (wanted) Atomics.or(page(memory), at.poll, what);
  else Atomics.and(page(memory), at.poll, ~what);
}

const answers: Readonly<Record<SpawnAnswer['kind'], number>> = {
  granted: VB_SPAWN_GRANTED,
  'no-cores': VB_SPAWN_NO_CORES,
  'no-program': VB_SPAWN_NO_PROGRAM,
  refused: VB_SPAWN_REFUSED,
};

/** Writes the answer to VB_HC_SPAWN. */
export function answerSpawn(memory: WebAssembly.Memory, answer: SpawnAnswer): void {
  const value = 'first' in answer ? answer.first : 'free' in answer ? answer.free : 'command' in answer ? answer.command : 0;
  Atomics.store(page(memory), at.spawn, (value << VB_SPAWN_VALUE_SHIFT) | answers[answer.kind]);
  wakeGuest(memory);
}

/** Writes the control word and says so on its channel. */
export function setGuestControl(memory: WebAssembly.Memory, control: number): void {
  const events = page(memory);
  Atomics.store(events, at.control, control);
  Atomics.or(events, at.pending, 1 << VB_CHANNEL_CONTROL);
  wakeGuest(memory);
}

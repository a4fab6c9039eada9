import { expect, test } from 'vitest';
import { ControlBlock, RELEASE_EPOCH_SHIFT, RELEASE_NEW_ADAPTER, word } from './control-block.ts';
import { SafepointRequest } from './safepoint-request.ts';

function asked(): { control: ControlBlock; request: SafepointRequest } {
  const control = new ControlBlock();
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
  return { control, request: new SafepointRequest(control, () => memory) };
}

test('a guest that has not woken yet keeps the answer of its epoch: the next request waits until it has read it', async () => {
  const { control, request } = asked();
  const first = request.quiesce(1);
  await Promise.resolve();
  request.reached(1, 0);
  await first;
  request.release(1, 'new-adapter');
  const second = request.quiesce(2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(control.load(word.quiesce)).toBe(0);
  expect(control.load(word.release)).toBe((1 << RELEASE_EPOCH_SHIFT) | RELEASE_NEW_ADAPTER);
  control.store(word.release, 0);
  while (control.load(word.quiesce) !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
  request.reached(2, 0);
  expect(await second).toEqual({ epoch: 2, noChannels: false });
});

test('a guest that never wakes does not hold the next request for ever', async () => {
  const { request } = asked();
  const first = request.quiesce(1);
  await Promise.resolve();
  request.reached(1, 0);
  await first;
  request.release(1, 'same');
  await expect(request.quiesce(2, { timeoutMs: 20 })).rejects.toMatchObject({ kind: 'timeout' });
});

test('a request that is withdrawn before the guest stands there leaves it no answer', async () => {
  const { control, request } = asked();
  const quiesced = request.quiesce(1);
  request.release(1, 'same');
  await expect(quiesced).rejects.toMatchObject({ kind: 'timeout' });
  expect([control.load(word.quiesce), control.load(word.release)]).toEqual([0, 0]);
});

test('a request that is withdrawn while the guest has not left its last safepoint is never made: nobody would let the guest go on', async () => {
  const { control, request } = asked();
  const first = request.quiesce(1);
  await Promise.resolve();
  request.reached(1, 0);
  await first;
  request.release(1, 'same');
  const second = request.quiesce(2);
  request.release(2, 'same');
  control.store(word.release, 0);
  await expect(second).rejects.toMatchObject({ kind: 'timeout' });
  expect(control.load(word.quiesce)).toBe(0);
});

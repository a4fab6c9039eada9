import { describe, expect, it } from 'vitest';
import { GuestFault, GuestMemory } from './guest-memory.ts';

const page = 65_536;
const memoryOf = (pages: number) => {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 4, shared: true });
  return { memory, guest: new GuestMemory(memory) };
};

describe('the memory of a guest', () => {
  it('refuses what does not lie in it, wherever the sum would wrap', () => {
    const { guest } = memoryOf(1);
    for (const [address, length] of [
      [page, 1],
      [page - 3, 4],
      [-1, 4],
      [-4, -4],
    ] as const)
      expect(() => guest.window(address, length)).toThrow(GuestFault);
    expect(() => guest.u32(page - 3)).toThrow(GuestFault);
    expect(() => {
      guest.setU64(page - 7, 1n);
    }).toThrow(GuestFault);
  });

  it.each([
    ['u32', (guest: GuestMemory) => guest.u32(page + 8)],
    ['u64', (guest: GuestMemory) => guest.u64(page + 8)],
    ['setU32', (guest: GuestMemory) => guest.setU32(page + 8, 1)],
    ['setU64', (guest: GuestMemory) => guest.setU64(page + 8, 1n)],
    ['at', (guest: GuestMemory) => guest.at(page + 8, 8).view.getUint32(page + 8)],
    ['window', (guest: GuestMemory) => guest.window(page + 8, 8)],
  ])('may grow, and %s reaches what is new at once', (_name, access) => {
    const { memory, guest } = memoryOf(1);
    guest.u32(0);
    memory.grow(1);
    expect(() => access(guest)).not.toThrow();
  });
});

import { create } from '@bufbuild/protobuf';
import { jobv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../config.ts';
import { readJobSpec, toWireSpec } from './job-spec.ts';

type Wish = Partial<Pick<jobv1.JobSpec, 'ioWeight' | 'ioBytesPerSecond' | 'ioPath'>>;
const read = (wish: Wish, roles: readonly string[]) =>
  readJobSpec(create(jobv1.JobSpecSchema, { name: 'a', image: 'i', processes: 1, ...wish }), defaultConfig, roles);

describe('what a job asks for at the adapter', () => {
  it('is what all get when it does not say', () => {
    const spec = read({}, ['user']);
    expect(spec.ioShare).toEqual({ weight: 1, bytesPerSecond: 0 });
    expect(toWireSpec(spec)).toMatchObject({ ioWeight: 0, ioBytesPerSecond: 0n });
  });

  it('is kept in its specification, and shown', () => {
    const spec = read({ ioWeight: 3, ioBytesPerSecond: 2_000_000n }, ['user']);
    expect(spec.ioShare).toEqual({ weight: 3, bytesPerSecond: 2_000_000 });
    expect(toWireSpec(spec)).toMatchObject({ ioWeight: 3, ioBytesPerSecond: 2_000_000n });
    expect(read({ ioBytesPerSecond: 5_000n }, ['user']).ioShare).toEqual({ weight: 1, bytesPerSecond: 5_000 });
  });

  it.each([
    [4, ['user'], 'given'],
    [5, ['user'], 'denied'],
    [255, ['user', 'viewer'], 'denied'],
    [255, ['operator'], 'given'],
    [255, ['user', 'admin'], 'given'],
    [255, [], 'given'],
  ])('weight %d asked for by %j is %s', (ioWeight, roles, outcome) => {
    if (outcome === 'given') expect(read({ ioWeight }, roles).ioShare?.weight).toBe(ioWeight);
    else expect(() => read({ ioWeight }, roles)).toThrow(/users may ask for 1 to 4, operators for up to 255/);
  });

  it.each<[Wish, RegExp]>([
    [{ ioWeight: 256 }, /1 to 255/],
    [{ ioBytesPerSecond: 999n }, /1000 to/],
    [{ ioBytesPerSecond: 67_108_864_001n }, /1000 to/],
    [{ ioWeight: 2, ioPath: jobv1.IoPath.ETHERNET }, /do not use the adapter/],
  ])('%o cannot be', (wish, reason) => {
    expect(() => read(wish, ['operator'])).toThrow(reason);
  });
});

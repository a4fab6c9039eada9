import { describe, expect, it } from 'vitest';
import type { ProgramState } from '../suspended.ts';
import { noTraffic } from './adapter-binding.ts';
import { misshapen } from './state-shape.ts';

const state: ProgramState = {
  ...{ imageDigest: 'sha256:0', jobId: 'job-1', rank: 0, size: 1, pkey: 7, jobSeed: 1n, args: ['a'], env: { A: 'b' }, ioPath: 'bypass' },
  ...{ scratchBytes: 1, outputLimitBytes: 1, memoryBytes: 65_536, memoryLimitBytes: 65_536, globals: { __stack_pointer: -16 } },
  ...{ stackRecord: 16, call: { kind: 'poll', nr: 0, args: [1, 2, 3, -4], begunNs: 1n }, monotonicNs: 1n, cpuNs: 1n },
  ...{ stdin: new Uint8Array(), rendezvous: 0, counters: { block: 1 }, traffic: noTraffic, outOfMemory: false },
  files: [
    { fd: 0, flags: 0, kind: 'device', name: 'stdin' },
    { fd: 3, flags: 0, kind: 'directory', path: [] },
    { fd: 4, flags: 1, kind: 'file', place: 'scratch', path: ['a'], offset: 3, read: true, write: false, unlinked: false },
    { fd: 5, flags: 0, kind: 'image', path: ['image', 'a'], offset: 0 },
  ],
};

describe('the shape of a state from elsewhere', () => {
  it('is that of a state', () => {
    expect(misshapen(state)).toEqual([]);
  });

  it('is refused for each field that is missing or of another type, by its name', () => {
    const junk: unknown[] = [undefined, null, 1.5, Symbol('x'), { deep: null }, [[null]], () => 1];
    for (const name of Object.keys(state)) for (const value of junk) expect(misshapen({ ...state, [name]: value })).toEqual([name]);
  });

  it('is refused for what is wrong inside a field', () => {
    const [, , file] = state.files;
    const wrong: readonly Record<string, unknown>[] = [
      { call: { ...state.call, args: [1, 2, 3] } },
      { call: { ...state.call, begunNs: 1 } },
      { files: [{ ...file, offset: -1 }] },
      { files: [{ ...file, place: 'etc' }] },
      { traffic: { ...noTraffic, doorbells: 1n } },
      { traffic: {} },
      { globals: { __stack_pointer: 2 ** 40 } },
      { rank: -1 },
    ];
    for (const change of wrong) expect(misshapen({ ...state, ...change })).toEqual(Object.keys(change));
  });
});

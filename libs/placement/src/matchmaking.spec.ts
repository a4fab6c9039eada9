import { describe, expect, it } from 'vitest';
import { matchImage, unmet, versionMeets, type ImageOffer, type ImageRequirements } from './index.ts';

const any: ImageRequirements = { os: '', abiVersion: '', libraries: {}, labels: {} };
const offer = (name: string, change: Partial<ImageOffer> = {}): ImageOffer => ({
  name,
  version: 1,
  os: 'verbena-guest',
  abiVersion: '1',
  libraries: { mpi: '3.1', libc: 'wasi-22' },
  labels: {},
  createdAt: 0,
  onlyFor: undefined,
  ...change,
});

describe('matchmaking (R22)', () => {
  it('reads versions as prefixes that end at a dot', () => {
    expect([
      versionMeets('3.1', '3.1'),
      versionMeets('3.1.4', '3.1'),
      versionMeets('3.10', '3.1'),
      versionMeets('3', '3.1'),
      versionMeets('9', ''),
    ]).toEqual([true, true, false, false, true]);
  });

  it('chooses the newest image that meets everything', () => {
    const offers = [offer('old', { createdAt: 1 }), offer('new', { createdAt: 2 }), offer('newer', { createdAt: 3, libraries: {} })];
    expect(matchImage({ ...any, libraries: { mpi: '3' } }, offers, 'ada')).toMatchObject({ ok: true, offer: { name: 'new' } });
  });

  it('says what the nearest one lacks', () => {
    const offers = [offer('plain', { libraries: {} }), offer('near')];
    expect(matchImage({ ...any, libraries: { mpi: '4.0', libc: 'wasi-22' } }, offers, 'ada')).toEqual({
      ok: false,
      detail: 'no image offers library mpi 4.0 and library libc wasi-22; nearest: near:1, which lacks library mpi 4.0 (it has 3.1)',
    });
  });

  it('lists everything that an offer lacks', () => {
    const wanted: ImageRequirements = { os: 'linux', abiVersion: '2', libraries: { fftw: '' }, labels: { tuned: 'yes' } };
    expect(unmet(wanted, offer('x'))).toEqual([
      'os linux (it has verbena-guest)',
      'ABI version 2 (it has 1)',
      'library fftw',
      'label tuned=yes',
    ]);
  });

  it('asks both sides: an image may be for its owner alone', () => {
    const own = offer('own', { onlyFor: 'ada' });
    expect(matchImage(any, [own], 'ada').ok).toBe(true);
    expect(matchImage(any, [own], 'bob')).toEqual({ ok: false, detail: 'there is no image that you may use' });
  });
});

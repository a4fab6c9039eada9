import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assemble,
  buildImage,
  canonicalManifest,
  chunk,
  CHUNK_AVERAGE_BYTES,
  CHUNK_MAX_BYTES,
  CHUNK_MIN_BYTES,
  ImageFormatError,
  parseManifest,
  readImageFile,
  sha256,
  writeImageFile,
} from './index.ts';
import type { ImageManifest } from './index.ts';

const MIB = 1024 * 1024;
const memory = { minimumBytes: 16 * MIB, defaultBytes: 256 * MIB };

/** Bytes of a small linear congruential generator: the same in every run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const imageOf = (wasm: Uint8Array) =>
  buildImage({ wasm, libraries: { mpi: '3.1' }, memory, asyncify: { imports: ['verbena.hypercall_block'] } });

describe('the manifest', () => {
  it('has the same bytes whatever the order in which its fields were set', () => {
    const { manifest } = imageOf(noise(100, 1));
    const turned = { ...manifest, labels: { b: '2', a: '1' } };
    const straight = Object.fromEntries(Object.entries({ ...manifest, labels: { a: '1', b: '2' } }).reverse()) as unknown as ImageManifest;
    expect(canonicalManifest(turned)).toEqual(canonicalManifest(straight));
  });

  it('reads back what was written', () => {
    const image = imageOf(noise(100, 1));
    expect(parseManifest(image.manifestBytes)).toEqual(image.manifest);
    expect(image.digest).toBe(sha256(image.manifestBytes));
  });

  it.each([
    ['version', 2, 'version must be 1'],
    ['arch', 'x86', 'arch must be "wasm32"'],
    ['memory', { minimumBytes: 1, defaultBytes: 65536 }, 'memory.minimumBytes must be'],
    ['memory', { minimumBytes: 131072, defaultBytes: 65536 }, 'memory.defaultBytes must be at least'],
    ['content', { digest: 'sha256:12', bytes: 4 }, 'content.digest must look like'],
    ['content', { digest: `sha256:${'0'.repeat(64)}`, bytes: 2 ** 40 }, 'content.bytes must be a whole number'],
    ['labels', { a: 1 }, 'labels.a must be text'],
    ['asyncify', { imports: 'all' }, 'asyncify.imports must be a list'],
    ['extra', true, 'not in canonical form'],
  ])('names the field that is wrong: %s = %j', (field, value, message) => {
    const { manifest } = imageOf(noise(100, 1));
    const entries = Object.entries({ ...manifest, [field]: value }).sort(([a], [b]) => (a < b ? -1 : 1));
    const bytes = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
    expect(() => parseManifest(bytes)).toThrow(message);
  });

  it('never fails on arbitrary bytes with anything but a format error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          expect(() => parseManifest(bytes)).toThrow(ImageFormatError);
        },
      ),
    );
  });
});

describe('the container file', () => {
  it('keeps an image, compressed or not', () => {
    const image = imageOf(new Uint8Array(20_000).fill(7));
    for (const compress of [true, false]) expect(readImageFile(writeImageFile(image, { compress }))).toEqual(image);
    expect(writeImageFile(image).length).toBeLessThan(2_000);
  });

  it('stores what does not compress as it is', () => {
    const image = imageOf(Uint8Array.from(noise(5000, 3), (byte, index) => byte ^ (index * 31)));
    expect(readImageFile(writeImageFile(image))).toEqual(image);
  });

  it('says that a file is truncated, wherever it was cut', () => {
    const file = writeImageFile(imageOf(noise(3000, 2)));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length - 1 }), (length) => {
        expect(() => readImageFile(file.subarray(0, length))).toThrow(length < 8 ? 'not a guest image' : 'truncated');
      }),
    );
  });

  it('finds any single damaged byte', () => {
    const file = writeImageFile(imageOf(noise(3000, 2)));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = file.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(() => readImageFile(damaged)).toThrow(ImageFormatError);
      }),
      { numRuns: 500 },
    );
  });

  it('does not inflate beyond the length that the manifest states', () => {
    const bomb = imageOf(new Uint8Array(50 * MIB));
    const small = imageOf(noise(100, 1));
    expect(() => readImageFile(writeImageFile({ ...small, wasm: bomb.wasm }))).toThrow('does not inflate to the length');
  });
});

describe('chunks', () => {
  const content = noise(3 * MIB, 5);

  it('give the content when they are joined, in the sizes promised', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 600_000 }), fc.integer(), (length, seed) => {
        const bytes = noise(length, seed);
        let end = 0;
        const chunks = chunk(bytes);
        chunks.forEach(({ offset, size, digest }, index) => {
          expect(offset).toBe(end);
          expect(size).toBeLessThanOrEqual(CHUNK_MAX_BYTES);
          if (index < chunks.length - 1) expect(size).toBeGreaterThanOrEqual(CHUNK_MIN_BYTES);
          expect(digest).toBe(sha256(bytes.subarray(offset, offset + size)));
          end = offset + size;
        });
        expect(end).toBe(length);
      }),
      { numRuns: 30 },
    );
  });

  it('are about 64 KiB long on average', () => {
    const average = content.length / chunk(content).length;
    expect(average).toBeGreaterThan(CHUNK_AVERAGE_BYTES / 2);
    expect(average).toBeLessThan(CHUNK_AVERAGE_BYTES * 2);
  });

  it('stay the same but for a few when one byte is put in', () => {
    const before = new Set(chunk(content).map((piece) => piece.digest));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: content.length }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const edited = new Uint8Array(content.length + 1);
        edited.set(content.subarray(0, at));
        edited[at] = byte;
        edited.set(content.subarray(at), at + 1);
        const changed = chunk(edited).filter((piece) => !before.has(piece.digest));
        expect(changed.length).toBeLessThanOrEqual(6);
      }),
      { numRuns: 20 },
    );
  });

  it('assemble to the content of the manifest or are refused', () => {
    const image = imageOf(content);
    const pieces = chunk(content).map(({ offset, size }) => content.subarray(offset, offset + size));
    expect(Buffer.compare(assemble(pieces, image.manifest), content)).toBe(0);
    expect(() => assemble(pieces.slice(1), image.manifest)).toThrow('its manifest says');
    expect(() => assemble(pieces.toReversed(), image.manifest)).toThrow('damaged');
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ImageFormatError } from './errors.ts';
import { IMAGE_FILE_SECTION, imageFileSection, parseImageFile } from './image-files.ts';

const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((name) => !/[/\0]|^\.\.?$/.test(name));
const paths = fc.array(names, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));

it('brings files through the engine’s own reader of custom sections', () => {
  fc.assert(
    fc.property(paths, fc.uint8Array({ maxLength: 400 }), (path, content) => {
      const module = new WebAssembly.Module(Buffer.concat([empty, imageFileSection({ path, content })]));
      const [section] = WebAssembly.Module.customSections(module, IMAGE_FILE_SECTION);
      expect(parseImageFile(new Uint8Array(section ?? new ArrayBuffer()))).toEqual({ path, content });
    }),
  );
});

it.each(['', '/etc/passwd', 'a//b', '../up', 'a/..', 'a\0b', 'x'.repeat(1025)])('refuses the path %j', (path) => {
  expect(() => imageFileSection({ path, content: new Uint8Array() })).toThrow(ImageFormatError);
});

it('refuses any bytes that are no file, and never reads past them', () => {
  expect(() => parseImageFile(Uint8Array.of(1, 0, 0))).toThrow('4');
  expect(() => parseImageFile(Uint8Array.of(200, 0, 0, 0, 65))).toThrow('200');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect(parseImageFile(bytes).content.length).toBeLessThan(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(ImageFormatError);
      }
    }),
  );
});

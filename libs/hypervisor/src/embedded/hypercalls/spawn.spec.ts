import { spawnCommand, spawnRequest } from '@verbena/guest-abi';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { SpawnRequest } from '../../port.ts';
import { readSpawnRequest } from './spawn.ts';

/** As the guest's library writes it. */
function written(request: SpawnRequest): Uint8Array<ArrayBuffer> {
  const parts = request.flatMap(({ program, soft, host, wdir, args, most }) => {
    const strings = Buffer.from([program, soft, host, wdir, ...args].map((text) => `${text}\0`).join(''));
    return [spawnCommand.encode({ most, arguments: args.length, bytes: strings.length }), strings];
  });
  return new Uint8Array(Buffer.concat([spawnRequest.encode({ commands: request.length }), ...parts]));
}

const text = fc.string({ maxLength: 8 }).map((value) => value.replaceAll('\0', ''));
const command = fc.record({
  ...{ program: text, soft: text, host: text, wdir: text, args: fc.array(text, { maxLength: 3 }) },
  most: fc.nat(65_536),
});
const requests = fc.array(command, { minLength: 1, maxLength: 4 });

it('reads what a guest asks for', () => {
  fc.assert(
    fc.property(requests, (request) => {
      expect(readSpawnRequest(written(request))).toEqual(request);
    }),
  );
});

it('takes nothing that was cut, or has something behind it', () => {
  fc.assert(
    fc.property(requests, fc.nat(), (request, at) => {
      const bytes = written(request);
      expect(readSpawnRequest(bytes.subarray(0, at % bytes.length))).toBeUndefined();
      expect(readSpawnRequest(new Uint8Array([...bytes, 0]))).toBeUndefined();
    }),
  );
});

it('survives whatever a guest writes', () => {
  fc.assert(
    fc.property(requests, fc.nat(), fc.nat(255), (request, at, value) => {
      const bytes = written(request);
      bytes[at % bytes.length] = value;
      expect(() => readSpawnRequest(bytes)).not.toThrow();
    }),
  );
});

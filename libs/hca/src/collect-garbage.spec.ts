import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { collector } from './collect-garbage.ts';

it('takes the collector from no other thread that is about to ask for it', () => {
  collector()();
  expect(runInNewContext('typeof gc')).toBe('function');
});

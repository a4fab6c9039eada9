import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { createInProcessBus } from './in-process.ts';
import { busContract } from './testing/contract.ts';
import { echoService } from './testing/echo.ts';

busContract('The bus within a process', async (caller) => createInProcessBus({ drain: { streamMs: 10 }, caller }));

describe('the bus within a process', () => {
  it('tells the operator what a broken handler threw', async () => {
    const told: unknown[] = [];
    const bus = createInProcessBus({ onUnexpectedError: (error, where) => told.push(error, where) });
    const broken = new TypeError('secret');
    const one = (): never => {
      throw broken;
    };
    await bus.serve(echoService, { one } as never);
    await expect(bus.client(echoService).one({})).rejects.toMatchObject({ code: Code.Internal });
    expect(told).toEqual([broken, 'verbena.testing.Echo/One']);
    await bus.close();
    await expect(bus.serve(echoService, {} as never)).rejects.toThrow('closed');
  });
});

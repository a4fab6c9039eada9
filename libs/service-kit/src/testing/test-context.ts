/** The context that a service is given, for tests: a bus within the process, a silent log, reproducible randomness, a directory that is removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { createInProcessBus, type Bus } from '@verbena/messaging';
import { pino } from 'pino';
import { systemClock } from '../clock.ts';
import { createMetrics } from '../metrics/metrics.ts';
import type { ServiceContext } from '../service.ts';

export interface TestContext extends ServiceContext {
  /** Closes the bus and removes the directory. */
  dispose(): Promise<void>;
}

export async function testContext(overrides: Partial<ServiceContext> = {}): Promise<TestContext> {
  const made = overrides.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'verbena-test-')) : undefined;
  const bus: Bus = overrides.bus ?? createInProcessBus({ drain: { streamMs: 50, unaryMs: 1_000 } });
  return {
    bus,
    log: pino({ level: 'silent' }),
    tracer: trace.getTracer('test'),
    metrics: createMetrics(),
    clock: systemClock,
    random: seededRandom(1),
    dataDir: made ?? '',
    ...overrides,
    async dispose() {
      if (overrides.bus === undefined) await bus.close();
      if (made !== undefined) await rm(made, { recursive: true, force: true });
    },
  };
}

/** Bytes of a 32-bit xorshift generator (Marsaglia, 2003): the same for the same seed. */
export function seededRandom(seed: number): (bytes: number) => Uint8Array {
  let state = seed | 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) & 0xff;
  };
  return (bytes) => Uint8Array.from({ length: bytes }, next);
}

/** Waits until every service says that it can serve. */
import type { RunningService } from '@verbena/service-kit';

const lookEveryMs = 20;

/** @throws {Error} naming those that are not ready in time, and why. */
export async function untilReady(services: readonly RunningService[], boundMs = 30_000): Promise<void> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const waiting = await notReady(services);
    if (waiting.length === 0) return;
    if (performance.now() > deadline) throw new Error(`not ready after ${boundMs / 1000} s: ${waiting.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

async function notReady(services: readonly RunningService[]): Promise<string[]> {
  const reasons = await Promise.all(services.map(async (service) => [service.name, await service.notReady()] as const));
  return reasons.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name}: ${reason}`]));
}

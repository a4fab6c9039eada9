export { systemClock, type Clock } from './clock.ts';
export type { RunningService, ServiceContext } from './service.ts';

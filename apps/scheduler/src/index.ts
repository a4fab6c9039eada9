export { defaultConfig, type SchedulerConfig } from './config.ts';
export { startScheduler, type SchedulerOptions } from './scheduler.ts';

export type { Bus, Served } from './bus.ts';

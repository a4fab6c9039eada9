/** The InfiniBand adapter: TPT, QP, CQ, UAR; control path in TypeScript, data path as firmware. */
export type { Adapter, AdapterCounters, AdapterWorkerInit, CommandResult, FirmwareModules, PeerMemory } from './types.ts';

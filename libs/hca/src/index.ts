/** The InfiniBand adapter: TPT, QP, CQ, UAR; control path in TypeScript, data path as firmware. */
export { Retired } from './collect-garbage.ts';
export { compileOptimised } from './compile-optimised.ts';
export { firmwareBytes, loadFirmware } from './firmware.ts';
export { HostAdapter } from './host-adapter.ts';
export { memoryBytes } from './memory-size.ts';
export { LIMITS, VF_LIMITS, type Limits } from './limits.ts';
export type { PortSettings } from './management.ts';
export { checkShare, type DomainShare } from './shaping.ts';
export { openAdapter } from './open-adapter.ts';
export { TRANSITIONS, transitionFor, type Transition } from './qp-states.ts';
export { LINK_KEY_BYTES, WIRE_BROKEN, WIRE_BUSY, WIRE_LEARN, WireEngine, type LinkStatus, type WireInit } from './wire-engine.ts';
export { streamOver } from './stream.ts';
export type { WasiStream } from './firmware-instance.ts';
export type {
  Adapter,
  AdapterCounters,
  AdapterWorkerInit,
  CommandResult,
  DomainErrors,
  FirmwareModules,
  PeerMemory,
  PortMessage,
} from './types.ts';

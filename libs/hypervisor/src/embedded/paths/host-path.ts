/** A program's path on the host's side: what must be connected before it starts, and let go when it has ended. */
import type { IoPath } from '../../port.ts';
import type { MessagePort } from 'node:worker_threads';
import type { AdapterCounters, AdapterWorkerInit, DomainAttachment, PortBinding } from '../adapter-binding.ts';
import type { DriverDomains } from './driver-domains.ts';
import { openNetwork } from './ethernet/host-network.ts';
import type { NetworkStart } from './ethernet/network-stack.ts';
import type { FrontendStart } from './frontend.ts';

export interface HostPath {
  /** The adapter on the vCPU's own thread; absent when a driver domain has it. */
  readonly adapter?: AdapterWorkerInit;
  readonly frontend?: FrontendStart;
  /** The job's segment on this host, for the path ivc. */
  readonly segment?: WebAssembly.Memory;
  /** The guest has a network card, and an adapter of its own behind it. */
  readonly network?: NetworkStart;
  /** What has to be moved to the vCPU's thread. */
  readonly transfer: readonly MessagePort[];
  /** What the guest's own adapter has counted, when it has one. */
  traffic(): AdapterCounters | undefined;
  /** What the guest's network card has sent. */
  sent(): { readonly frames: number; readonly bytes: number };
  channel(): { readonly messages: number; readonly bytes: number };
  driverDomainOperations(): number;
  /** Whether a driver domain works for this program now. */
  servedByDriver(): boolean;
  /** Nothing on this path touches the program's memory afterwards. Never rejects. */
  close(): Promise<void>;
}

const none = { messages: 0, bytes: 0 };
const noFrames = { frames: 0, bytes: 0 };
export const alone = {
  ...{ transfer: [], traffic: () => undefined, channel: () => none, sent: () => noFrames },
  ...{ driverDomainOperations: () => 0, servedByDriver: () => false, close: () => Promise.resolve() },
};

export interface HostPathOptions {
  readonly ioPath: IoPath;
  readonly port: PortBinding | undefined;
  readonly attachment: DomainAttachment | undefined;
  readonly drivers: DriverDomains;
  readonly pkey: number;
  readonly vmId: string;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
}

/** @throws Error when the port has no virtual function left */
export function openHostPath(options: HostPathOptions): HostPath {
  const { ioPath, port, attachment, drivers, pkey, vmId } = options;
  if (port === undefined || attachment === undefined) return alone;
  if (ioPath === 'ethernet') return { ...alone, ...openNetwork({ ...options, port, attachment }) };
  if (ioPath === 'split') {
    const driver = drivers.choose();
    const connection = driver.connect(port, attachment, pkey, vmId);
    return {
      ...alone,
      frontend: { page: connection.page, driver: connection.driver },
      driverDomainOperations: () => connection.operations(),
      servedByDriver: () => driver.served === connection.number,
      close: () => connection.close(),
    };
  }
  if (ioPath === 'sriov' && attachment.virtualFunction === undefined) attachment.becomeVirtualFunction();
  attachment.join(pkey);
  const adapter = attachment.workerInit();
  const direct = { ...alone, adapter, transfer: [adapter.port] };
  if (ioPath !== 'ivc') return direct;
  const segment = drivers.segments.enter(pkey, attachment.slot);
  const close = (): Promise<void> => {
    segment.leave();
    return Promise.resolve();
  };
  return { ...direct, segment: segment.memory, channel: () => segment.sent(), close };
}

export interface PathCounters {
  readonly driverOperations: number;
  readonly channel: ReturnType<HostPath['channel']>;
  readonly network: ReturnType<HostPath['sent']>;
}

/** What a path has counted; nothing without one. */
export function pathCounters(path?: HostPath): PathCounters {
  return { driverOperations: path?.driverDomainOperations() ?? 0, channel: path?.channel() ?? none, network: path?.sent() ?? noFrames };
}

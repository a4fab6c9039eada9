/** A program's path on the host's side: what must be connected before it starts, and let go when it has ended. */
import type { IoPath } from '../../port.ts';
import type { AdapterWorkerInit, DomainAttachment, PortBinding } from '../adapter-binding.ts';
import type { DriverDomains } from './driver-domains.ts';
import type { FrontendStart } from './frontend.ts';

export interface HostPath {
  /** The adapter on the vCPU's own thread; absent when a driver domain has it. */
  readonly adapter?: AdapterWorkerInit;
  readonly frontend?: FrontendStart;
  /** The job's segment on this host, for the path ivc. */
  readonly segment?: WebAssembly.Memory;
  channel(): { readonly messages: number; readonly bytes: number };
  driverDomainOperations(): number;
  /** Whether a driver domain works for this program now. */
  servedByDriver(): boolean;
  /** Nothing on this path touches the program's memory afterwards. Never rejects. */
  close(): Promise<void>;
}

const none = { messages: 0, bytes: 0 };
const alone = { channel: () => none, driverDomainOperations: () => 0, servedByDriver: () => false, close: () => Promise.resolve() };

export interface HostPathOptions {
  readonly ioPath: IoPath;
  readonly port: PortBinding | undefined;
  readonly attachment: DomainAttachment | undefined;
  readonly drivers: DriverDomains;
  readonly pkey: number;
  readonly vmId: string;
}

/** @throws Error when the port has no virtual function left */
export function openHostPath({ ioPath, port, attachment, drivers, pkey, vmId }: HostPathOptions): HostPath {
  if (port === undefined || attachment === undefined) return alone;
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
  if (ioPath !== 'ivc') return { ...alone, adapter: attachment.workerInit() };
  const segment = drivers.segments.enter(pkey, attachment.slot);
  const close = (): Promise<void> => {
    segment.leave();
    return Promise.resolve();
  };
  return { ...alone, adapter: attachment.workerInit(), segment: segment.memory, channel: () => segment.sent(), close };
}

/** What a path has counted; nothing without one. */
export function pathCounters(path?: HostPath): {
  driverOperations: number;
  channel: { readonly messages: number; readonly bytes: number };
} {
  return { driverOperations: path?.driverDomainOperations() ?? 0, channel: path?.channel() ?? none };
}

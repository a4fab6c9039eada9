/** What a user asks for, in the words of the domain; the contract's message is translated at the service's edge. */

export const ioPaths = ['bypass', 'native', 'vmm', 'split', 'ethernet', 'sriov', 'ivc'] as const;
/** How a VM reaches the InfiniBand adapter; docs/guides/paths.md explains each. */
export type IoPath = (typeof ioPaths)[number];

export interface InputFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly chunks: readonly string[];
}

export interface JobSpec {
  readonly name: string;
  /** An image reference; empty when any image that meets the requirements will do. */
  readonly image: string;
  readonly requirements: {
    readonly os: string;
    readonly abiVersion: string;
    readonly libraries: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly processes: number;
  readonly vms: number;
  readonly vcpusPerVm: number;
  /** Memory of each VM in bytes; 0 means the image's default. */
  readonly memoryBytes: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard input of rank 0, base 64. Forgotten when the job has ended. */
  readonly stdin: string;
  readonly walltimeMs: number;
  readonly outputLimitBytes: number;
  readonly placementPolicy: string;
  /** How the VMs reach the adapter. Absent in jobs of older versions: bypass. */
  readonly ioPath?: IoPath;
  /** What each VM gets of its host's port from the beginning, as an operator may say later: a weight of 1 to 255, and most bytes a second, 0 for no limit. Absent: what all get. */
  readonly ioShare?: { readonly weight: number; readonly bytesPerSecond: number };
  readonly priority: number;
  readonly inputFiles: readonly InputFile[];
  /** What becomes of the job when a node is lost on which its ranks run. Absent in jobs of older versions: they fail. */
  readonly onNodeLoss?: 'fail' | 'requeue';
  /** How often the job may run again. */
  readonly maxRequeues?: number;
  /** Save it so often while it runs, in milliseconds. 0 or absent: never. */
  readonly checkpointEveryMs?: number;
  /** The checkpoint from which it goes on; empty or absent when it begins. */
  readonly restartFrom?: string;
}

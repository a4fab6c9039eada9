/**
 * The Hypervisor port: what a node-agent asks of whatever runs its domains. The embedded driver implements it today; a QEMU/KVM driver
 * can stand beside it, under the same contract suite (`contract.ts`).
 *
 *   created --boot--> booting --> idle --exec--> running --program ends--> idle
 *                                  |               |  ^
 *                                  |            pause resume
 *                                  |               v  |
 *                                  |             paused
 *   any state --destroy--> shut-down            running --trap, kill--> crashed
 *
 *   running --suspend--> suspended --resume--> running       idle --restore--> running
 *                            +------discard--> idle
 *
 * A domain is up (`idle`) without a program; a program is executed in it, as a batch system starts a job in a booted VM, and when the
 * program has ended the domain is idle again with zeroed memory. A crashed domain can only be destroyed.
 */
import type { VmId } from '@verbena/ids';
import type { ProgramState, Quiesced, QuiesceOptions, ReleaseMode, RestoreSpec, SuspendedProgram } from './suspended.ts';

export type DomainState = 'created' | 'booting' | 'idle' | 'running' | 'paused' | 'suspended' | 'shut-down' | 'crashed';

/**
 * How a program reaches the adapter (docs/guides/paths.md):
 *   bypass    doorbells go straight to the adapter, set-up commands enter the VMM
 *   native    outside any domain: nothing enters a VMM
 *   vmm       every doorbell traps into the VMM
 *   split     frontend here, backend in a driver domain on a thread of its own
 *   ethernet  a virtual network card, and a byte stream above it
 *   sriov     a virtual function of the adapter, with limits
 *   ivc       bypass, and shared memory between the domains of one host
 */
export type IoPath = 'bypass' | 'native' | 'vmm' | 'split' | 'ethernet' | 'sriov' | 'ivc';

export interface DomainConfig {
  readonly id: VmId;
  readonly name: string;
  /** The guest module, verified against its digest by the caller. */
  readonly image: { readonly digest: string; readonly wasm: Uint8Array };
  /** Limit of the guest's memory in bytes, a multiple of 64 KiB. */
  readonly memoryBytes: number;
  readonly vcpus: number;
}

/** Which processes of the job are the MPI_COMM_WORLD of one of them, and who asked for them (MPI-3.1, section 10.3). */
export interface World {
  /** They are consecutive. */
  readonly first: number;
  readonly size: number;
  /** Processes that the job began with. */
  readonly firstSize: number;
  /** The process that spawned them; absent for those that the job began with. */
  readonly parent?: number;
  /** Which of the commands that were spawned together this process runs, from 0. */
  readonly appNumber: number;
  /** Processes that the job might have had at once when it began; 0 when nobody knows. */
  readonly universe: number;
}

/** One program execution: an MPI rank. */
export interface ProgramSpec {
  readonly jobId: string;
  readonly rank: number;
  /** All processes that the job has had so far. */
  readonly size: number;
  /** Default: all processes are one world. */
  readonly world?: World;
  /** How many rendezvous the others have made before; default 0. */
  readonly rendezvous?: number;
  /** Index of this host among the job's hosts, and their number. */
  readonly hostIndex: number;
  readonly hosts: number;
  readonly nodeName: string;
  readonly pkey: number;
  /** Default: bypass. */
  readonly ioPath?: IoPath;
  readonly jobSeed: bigint;
  /** argv[0] and the rest. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard input; end of file after it. */
  readonly stdin?: Uint8Array;
  /** A directory of the host that the program sees as its working directory: read and write, bounded by scratchBytes. */
  readonly scratchDir: string;
  readonly scratchBytes: number;
  /** Output (stdout and stderr together) that ends the program when it is exceeded. */
  readonly outputLimitBytes: number;
  readonly handlers: ProgramHandlers;
}

export interface ProgramHandlers {
  /** Called in order, one at a time; the guest is held back while the promise is pending and the console ring is full. */
  output(stream: 'stdout' | 'stderr', data: Uint8Array): void | Promise<void>;
  /** The n-th rendezvous (from 0) of this rank: gives this rank's card, resolves with all cards by rank, concatenated. */
  rendezvous(generation: number, card: Uint8Array): Promise<Uint8Array>;
  /** The program asks for more processes; absent where it gets none. When it is granted some, it has met them by then, or will. */
  spawn?(request: SpawnRequest): Promise<SpawnAnswer>;
}

/** One command of MPI_Comm_spawn_multiple. Strings are the guest's, of any content. */
export interface SpawnCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly most: number;
  /** The info values; empty when not given. */
  readonly soft: string;
  readonly host: string;
  readonly wdir: string;
}
export type SpawnRequest = readonly SpawnCommand[];

export type SpawnAnswer =
  | { readonly kind: 'granted'; readonly first: number }
  /** There is room for so many. */
  | { readonly kind: 'no-cores'; readonly free: number }
  /** Which command, from 0, names no program. */
  | { readonly kind: 'no-program'; readonly command: number }
  | { readonly kind: 'refused' };

/** `moved`: it was suspended and discarded here, and goes on elsewhere or has been saved. */
export type ExitCause =
  'exited' | 'trapped' | 'mpi-abort' | 'no-finalize' | 'output-limit' | 'out-of-memory' | 'killed' | 'internal' | 'moved';

export interface ProgramExit {
  readonly cause: ExitCause;
  /** Exit code of the program; 134 for a trap, the code given to MPI_Abort, 137 when killed. */
  readonly exitCode: number;
  /** Crash report with function names, the text of MPI_Abort, or the reason of the kill. Empty for a plain exit. */
  readonly detail: string;
  readonly counters: DomainCounters;
}

export interface DomainCounters {
  /** Hypercalls by name. */
  readonly hypercalls: Readonly<Record<string, number>>;
  /** All VMM operations: hypercalls and WASI calls. */
  readonly vmmOperations: number;
  /** VMM operations that posting or polling made. On the bypass path this stays 0: doorbells never enter the VMM. */
  readonly dataPathVmmOperations: number;
  /** Doorbells that the adapter's firmware took from this domain. */
  readonly doorbells: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly messagesReceived: number;
  readonly bytesReceived: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly outputBytes: number;
  /** Requests, commands and completions that a driver domain handled for it. */
  readonly driverDomainOperations: number;
  /** Payload bytes that were copied on the way from sender to receiver, each copy counted at the sender. */
  readonly copiedBytes: number;
  /** Messages and bytes to domains of the same host through shared memory, without the adapter. */
  readonly channelMessages: number;
  readonly channelBytes: number;
  /** Ethernet frames that it sent, and their bytes. */
  readonly networkFrames: number;
  readonly networkBytes: number;
  /** Seconds by what the vCPU was doing (guest, vmm, driver-domain, adapter, idle), sampled; they add up to the program's time. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** What a running domain is doing, for deadlock detection; read from shared memory without disturbing it. */
export interface DomainActivity {
  /** True while the vCPU sleeps in VB_HC_BLOCK without a time-out and no event is pending. */
  readonly blocked: boolean;
  /** Changes whenever the domain woke, sent or received anything. */
  readonly activity: bigint;
  /** What the guest says that it waits for, e.g. "MPI_Recv(source=3, tag=7, comm=MPI_COMM_WORLD)"; empty when it does not. */
  readonly waitsFor: string;
  readonly mpiState: 'not-initialized' | 'initialized' | 'finalized';
}

export interface Domain {
  readonly id: VmId;
  readonly config: DomainConfig;
  readonly state: DomainState;
  boot(): Promise<void>;
  /** Starts a program; resolves when its first instruction is about to run. The program's end is `program.exit`. */
  exec(spec: ProgramSpec): Promise<RunningProgram>;
  /**
   * The memory of an idle domain, at least `bytes` of it, for the pages of a program that comes from elsewhere. May be called again with
   * more: what was written stays. The domain then takes that program by `restore`, or is destroyed.
   * @throws Error when the domain is not idle, or `bytes` is more than its limit
   */
  incoming(bytes: number): Uint8Array<SharedArrayBuffer>;
  /**
   * The same memory as the host's adapter must know it to write into it (R46), after `incoming`.
   * @throws Error when nothing is to come
   */
  incomingMemory(): WebAssembly.Memory;
  /**
   * Goes on with a suspended program whose memory has been written to `incoming`: the state's memoryBytes of it. Resolves when the program
   * is about to run behind the call in which it was suspended. One that was at a safepoint stays there until `release`.
   * @throws Error when the state is of another image or does not fit; the domain is idle then with zeroed memory
   */
  restore(spec: RestoreSpec, state: ProgramState): Promise<RunningProgram>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  activity(): DomainActivity;
  counters(): DomainCounters;
  /** Ends whatever runs and frees everything, from any state; idempotent. Never takes longer than a few seconds. */
  destroy(reason: string): Promise<void>;
  onState(listener: (state: DomainState, detail: string) => void): () => void;
}

export interface RunningProgram {
  /** Also across suspending and resuming here. */
  readonly exit: Promise<ProgramExit>;
  /** A window on all of the guest's memory as it is now, which changes under the reader; ask again to see what has grown. Empty after the end. */
  memory(): Uint8Array<SharedArrayBuffer>;
  /**
   * Asks the guest to stop its channels, and resolves when it stands in VB_HC_SAFEPOINT. An epoch is a number from 1 to 2^30 - 1, greater
   * than any before for this program. On a time-out (default 5,000 ms) the request is withdrawn: the guest goes on as it was.
   * @throws SuspendError `timeout`, `ended`, `busy`
   */
  quiesce(epoch: number, options?: QuiesceOptions): Promise<Quiesced>;
  /** The job has more processes, on so many hosts: a guest that stands in its safepoint finds them when it is released with a new adapter. */
  grow(size: number, hosts: number): void;
  /** Lets a guest go on that stands in its safepoint of this epoch, or withdraws a quiesce that is under way; otherwise does nothing. */
  release(epoch: number, mode: ReleaseMode): void;
  /**
   * Takes the program off its thread, in the next blocking call that it makes or is in, or at its next poll. On a time-out (default 5,000 ms) the request is withdrawn.
   * @throws SuspendError for every reason; the program goes on, unless it has ended
   */
  suspend(options?: { readonly timeoutMs?: number }): Promise<SuspendedProgram>;
  /**
   * Gives the program this share of its time, from 0 to 1, from its next call into the hypervisor on; 1: all of it. It ends by itself when the program is
   * suspended or asked to its safepoint.
   */
  throttle(share: number): void;
  /** Stops the program even if it never yields. The domain is crashed afterwards unless the program was at a safepoint. */
  kill(reason: string): Promise<void>;
}

/** An isolated domain that has the adapter for guests which do not (R2, R18). */
export interface DriverDomainView {
  readonly name: string;
  /** Guests that are connected to it. */
  readonly guests: number;
  /** How often it has died and was started again. */
  readonly restarts: number;
  /** Lets it die, for those who try what follows. */
  crash(): void;
}

export interface Hypervisor {
  readonly name: string;
  readonly driverDomains: readonly DriverDomainView[];
  createDomain(config: DomainConfig): Promise<Domain>;
  domain(id: VmId): Domain | undefined;
  domains(): readonly Domain[];
  close(): Promise<void>;
}

/**
 * Warm threads. Starting a worker thread and loading its code takes tens of milliseconds, so some wait ready, and one that is taken is
 * replaced in the background. A thread that nothing runs on may be given back; what ended in any other way is terminated.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { FromVcpu, RendezvousAnswer, RunOrder, WorkerStart } from './worker-protocol.ts';
import type { TransferListItem } from 'node:worker_threads';

export interface WorkerPoolOptions {
  /** Threads that wait ready. */
  readonly size: number;
  /** The worker's file, for builds that bundle it; from source otherwise. */
  readonly workerUrl?: URL;
  readonly execArgv?: readonly string[];
  /** Stack of a thread in MiB, for calls that WebAssembly keeps outside the guest's memory. */
  readonly stackMiB?: number;
}

export interface VcpuListener {
  onMessage(message: FromVcpu): void;
  /** The thread is gone without having been told to. */
  onLost(error: Error): void;
}

/** A thread of the pool in somebody's hands. */
export class VcpuThread {
  readonly #worker: Worker;
  readonly #answers: MessagePort;
  readonly ready: Promise<void>;
  #listener: VcpuListener | undefined;
  #terminated: Promise<unknown> | undefined;
  #runs = 0;
  alive = true;
  isReady = false;

  constructor(options: WorkerPoolOptions) {
    const { port1, port2 } = new MessageChannel();
    this.#answers = port1;
    port1.unref();
    const start: WorkerStart = { answers: port2 };
    this.#worker = new Worker(options.workerUrl ?? workerFile, {
      workerData: start,
      transferList: [port2],
      execArgv: [...(options.execArgv ?? workerArguments)],
      resourceLimits: { stackSizeMb: options.stackMiB ?? 32 },
      env: {},
      stdin: false,
    });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromVcpu) => {
        if (message.type === 'ready') {
          this.isReady = true;
          resolve();
        } else this.#listener?.onMessage(message);
      });
      this.#worker.on('error', (error) => {
        this.#lost(error instanceof Error ? error : new Error(String(error)));
        reject(error instanceof Error ? error : new Error(String(error)));
      });
      this.#worker.on('exit', (code) => {
        this.#lost(new Error(`the thread of the vCPU ended with code ${String(code)}`));
        reject(new Error(`the thread of a vCPU ended with code ${String(code)} before it was ready`));
      });
    });
    this.ready.catch(() => undefined);
  }

  #lost(error: Error): void {
    if (!this.alive) return;
    this.alive = false;
    this.#listener?.onLost(error);
  }

  listen(listener: VcpuListener | undefined): void {
    this.#listener = listener;
  }

  /** Gives the thread a program. Returns the number under which it is answered. */
  run(order: Omit<RunOrder, 'run'>, transfer: readonly TransferListItem[]): number {
    const numbered: RunOrder = { ...order, run: ++this.#runs };
    this.#worker.postMessage(numbered, transfer);
    return this.#runs;
  }

  /** Leaves an answer for a vCPU that sleeps; ring its bell afterwards. */
  answer(message: RendezvousAnswer): void {
    this.#answers.postMessage(message);
  }

  /** While it is referenced, the thread keeps the process alive. */
  keepAlive(keep: boolean): void {
    if (keep) this.#worker.ref();
    else this.#worker.unref();
  }

  /** CPU time of the thread in seconds, or undefined when it does not answer in time. */
  async cpuSeconds(timeoutMs: number): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, timeoutMs, undefined);
    try {
      const usage = await Promise.race([this.#worker.cpuUsage(), promise]);
      return usage === undefined ? undefined : (usage.user + usage.system) / 1e6;
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops the thread at whatever instruction it is. */
  terminate(): Promise<unknown> {
    this.alive = false;
    this.#answers.close();
    return (this.#terminated ??= this.#worker.terminate());
  }
}

/** What a pool without options of its own starts its threads with. */
export const workerFile = new URL('./vcpu-worker.ts', import.meta.url);
export const workerArguments: readonly string[] = ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning'];

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #waiting: VcpuThread[] = [];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#fill();
  }

  /** Resolves when the threads that wait are ready; for those who measure. */
  async warm(): Promise<void> {
    await Promise.all(this.#waiting.map(({ ready }) => ready));
  }

  /** Takes a ready thread. @throws Error when no thread can be started */
  async take(): Promise<VcpuThread> {
    if (this.#closed) throw new Error('the hypervisor is closed');
    const thread = this.#takeBest() ?? this.#start();
    setImmediate(() => {
      this.#fill();
    });
    thread.keepAlive(true);
    await thread.ready;
    return thread;
  }

  /** One that is ready if there is one; the last that was given back first, since its code is warm. */
  #takeBest(): VcpuThread | undefined {
    const living = this.#waiting.filter(({ alive }) => alive);
    const best = living.find(({ isReady }) => isReady) ?? living[0];
    this.#waiting.splice(0, this.#waiting.length, ...living.filter((thread) => thread !== best));
    return best;
  }

  /** Gives back a thread that nothing runs on. */
  giveBack(thread: VcpuThread): void {
    thread.listen(undefined);
    if (this.#closed || !thread.alive || this.#waiting.length >= 2 * this.#options.size) {
      void thread.terminate();
      return;
    }
    thread.keepAlive(false);
    this.#waiting.unshift(thread);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#waiting.splice(0).map((thread) => thread.terminate()));
  }

  #start(): VcpuThread {
    return new VcpuThread(this.#options);
  }

  #fill(): void {
    while (!this.#closed && this.#waiting.length < this.#options.size) {
      const thread = this.#start();
      thread.keepAlive(false);
      this.#waiting.push(thread);
    }
  }
}

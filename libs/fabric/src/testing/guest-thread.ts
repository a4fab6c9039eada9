/** Guests on threads of their own, for specs. */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { compileC } from '@verbena/guest-abi/testing';
import type { DomainAttachment, Subnet } from '../types.ts';
import type { GuestCall, GuestWorkerData } from './guest-worker.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

/** Compiles a C guest that uses the inline functions of the verbs client. */
export async function compileGuest(path: string, exports: readonly string[] = []): Promise<WebAssembly.Module> {
  const abi = '../../../guest-abi/include/verbena';
  const files = {
    'guest.c': read(path),
    'include/vb_verbs.h': read('../../../guest-verbs/include/vb_verbs.h'),
    'include/verbena/abi.h': read(`${abi}/abi.h`),
    'include/verbena/hca.h': read(`${abi}/hca.h`),
  };
  return new WebAssembly.Module(await compileC({ files, include: ['include'], exports }));
}

export class GuestThread {
  readonly attachment: DomainAttachment;
  readonly lid: number;
  readonly memory = new WebAssembly.Memory({ initial: 256, maximum: 65536, shared: true });
  readonly #worker: Worker;

  constructor(subnet: Subnet, module: WebAssembly.Module, pkey: number, lid?: number) {
    const port = subnet.addPort({ nodeName: 'host', ...(lid === undefined ? {} : { lid }) });
    this.lid = port.lid;
    this.attachment = port.attachDomain({ vmId: 'vm', memory: this.memory });
    this.attachment.join(pkey);
    const init = this.attachment.workerInit();
    const workerData: GuestWorkerData = { init, module };
    this.#worker = new Worker(new URL('./guest-worker.ts', import.meta.url), {
      workerData,
      transferList: [init.port],
      execArgv: ['--conditions=verbena-source'],
    });
  }

  /** Calls an export of the guest on its thread. */
  async call(name: string, args: readonly number[], words?: number): Promise<{ result: number; read: number[] }> {
    return new Promise((resolve, reject) => {
      this.#worker.once('error', reject);
      this.#worker.once('message', (reply: { result: number; read: number[] }) => {
        this.#worker.off('error', reject);
        resolve(reply);
      });
      this.#worker.postMessage({ name, args, ...(words === undefined ? {} : { words }) } satisfies GuestCall);
    });
  }

  /** Ends the thread at whatever instruction it is. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  async close(): Promise<void> {
    await this.kill();
    this.attachment.detach();
  }
}

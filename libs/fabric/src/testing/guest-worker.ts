/** A vCPU for specs: runs one guest module over the adapter, with set-up commands as its only hypercall. */
import { parentPort, workerData } from 'node:worker_threads';
import { VB_EFAULT, VB_HC_HCA_COMMAND, VB_ENOSYS } from '@verbena/guest-abi';
import { openAdapter, type AdapterWorkerInit } from '@verbena/hca';

export interface GuestWorkerData {
  readonly init: AdapterWorkerInit;
  readonly module: WebAssembly.Module;
}

export interface GuestCall {
  readonly name: string;
  readonly args: readonly number[];
  /** Words to read from the address that the call returns. */
  readonly words?: number;
}

const { init, module } = workerData as GuestWorkerData;
const adapter = openAdapter(init);
const memory = init.guestMemory;

function hypercall(nr: number, opcode: number, input: number, length: number, output: number): number {
  if (nr !== VB_HC_HCA_COMMAND) return VB_ENOSYS;
  const all = new Uint8Array(memory.buffer);
  if (input + length > all.length) return VB_EFAULT;
  const result = adapter.command(opcode, all.slice(input, input + length));
  if (output !== 0) all.set(result.output, output);
  return result.status;
}

const instance = new WebAssembly.Instance(module, {
  env: { memory },
  hca: { uar_write: adapter.uarWrite },
  verbena: { hypercall, hypercall_block: () => VB_ENOSYS },
});

parentPort?.on('message', ({ name, args, words }: GuestCall) => {
  const result = (instance.exports[name] as (...args: number[]) => number)(...args);
  const read = words === undefined ? [] : [...new Uint32Array(memory.buffer, result, words)];
  parentPort?.postMessage({ result, read });
});

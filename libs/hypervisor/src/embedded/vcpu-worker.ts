/** The thread of a vCPU: waits for programs and runs them one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { Retired } from './collect-garbage.ts';
import { framesRead } from './crash-report.ts';
import { runProgram } from './vcpu.ts';
import { warmUp } from './warm-up.ts';
import type { FromVcpu, RunOrder, WorkerStart } from './worker-protocol.ts';

if (parentPort === null) throw new Error('vcpu-worker is the entry of a worker thread; it cannot run by itself');
const port = parentPort;
const { answers } = workerData as WorkerStart;
const post = (message: FromVcpu): void => {
  port.postMessage(message);
};
Error.stackTraceLimit = framesRead;
const retired = new Retired();
port.on('message', (order: RunOrder) => {
  runProgram(order, answers, post);
  retired.add(order.memory.buffer.byteLength);
});
warmUp(answers);
post({ type: 'ready' });

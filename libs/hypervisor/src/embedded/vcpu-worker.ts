/** The thread of a vCPU: waits for programs and runs them one after the other. Or that of a driver domain. */
import { parentPort, workerData } from 'node:worker_threads';
import { Retired } from '@verbena/hca';
import { framesRead } from './crash-report.ts';
import { runDriverDomain } from './paths/driver-domain-main.ts';
import { runProgram } from './vcpu.ts';
import { warmUp } from './warm-up.ts';
import type { FromVcpu, RunOrder, WorkerStart } from './worker-protocol.ts';

if (parentPort === null) throw new Error('vcpu-worker is the entry of a worker thread; it cannot run by itself');
const port = parentPort;
const start = workerData as WorkerStart;
if ('driverDomain' in start)
  runDriverDomain(start.driverDomain, (message) => {
    port.postMessage(message);
  });
const { answers } = start;
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

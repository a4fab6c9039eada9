import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ToolchainError } from './errors.ts';
import type { ToolReply, ToolRequest, ToolResult } from './tool-protocol.ts';

/** LLVM holds about 250 MB per process; more than this many would cost more memory than they save time. */
const MOST_PROCESSES = 4;
/** Idle processes give their memory back after this many milliseconds. */
const IDLE_MS = 15_000;

interface Task {
  readonly id: number;
  readonly request: ToolRequest;
  readonly resolve: (result: ToolResult) => void;
  readonly reject: (error: Error) => void;
}

interface Slot {
  readonly tool: 'llvm' | 'asyncify';
  readonly child: ChildProcess;
  task: Task | undefined;
  idle: NodeJS.Timeout | undefined;
}

/** Tool processes, started when work waits for them. They never keep this process alive on their own, and never outlive it. */
export class ToolPool {
  readonly #most = Math.min(MOST_PROCESSES, Math.max(1, availableParallelism()));
  readonly #slots = new Set<Slot>();
  #waiting: Task[] = [];
  #next = 0;

  /** Runs one tool. Throws ToolchainError when the tool itself fails; a compile error is an exit code in the result. */
  run(request: ToolRequest): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: this.#next++, request, resolve, reject });
      this.#dispatch();
    });
  }

  /** Starts loading a tool that will be needed soon; failures show when it is used. */
  warm(tool: 'llvm' | 'asyncify'): void {
    if ([...this.#slots].some((slot) => slot.tool === tool)) return;
    this.run({ kind: 'warm', tool }).catch(() => undefined);
  }

  /** Ends all workers at once; their tasks fail. */
  async close(): Promise<void> {
    const ends = [...this.#slots].map(({ child }) => new Promise((resolve) => child.once('exit', resolve)));
    // An idle child does not keep this process alive, but whoever waits for its end shall live to see it.
    for (const { child } of this.#slots) {
      child.ref();
      child.kill();
    }
    await Promise.all(ends);
  }

  #dispatch(): void {
    this.#waiting = this.#waiting.filter((task) => {
      const slot = this.#slotFor(toolOf(task.request));
      if (slot === undefined) return true;
      this.#start(slot, task);
      return false;
    });
  }

  #slotFor(tool: Slot['tool']): Slot | undefined {
    const slots = [...this.#slots].filter((slot) => slot.tool === tool);
    const free = slots.find((slot) => slot.task === undefined);
    if (free !== undefined) return free;
    return slots.length < this.#most ? this.#open(tool) : undefined;
  }

  #open(tool: Slot['tool']): Slot {
    const child = fork(fileURLToPath(new URL('./tool-process.ts', import.meta.url)), {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const slot: Slot = { tool, child, task: undefined, idle: undefined };
    this.#slots.add(slot);
    child.on('message', (reply: ToolReply) => {
      this.#finish(slot, reply);
    });
    child.on('error', (cause) => {
      this.#lose(slot, new ToolchainError(`the compiler's process failed: ${cause.message}`, { cause }));
    });
    child.on('exit', (code, signal) => {
      this.#lose(
        slot,
        new ToolchainError(`the compiler's process ended before it had finished (${signal ?? `exit code ${String(code)}`})`),
      );
    });
    return slot;
  }

  #start(slot: Slot, task: Task): void {
    clearTimeout(slot.idle);
    slot.task = task;
    slot.child.ref();
    slot.child.channel?.ref();
    slot.child.send({ id: task.id, request: task.request });
  }

  #finish(slot: Slot, reply: ToolReply): void {
    const task = slot.task;
    if (task === undefined || task.id !== reply.id) return;
    slot.task = undefined;
    slot.child.unref();
    slot.child.channel?.unref();
    slot.idle = setTimeout(() => slot.child.kill(), IDLE_MS).unref();
    if (reply.result !== undefined) task.resolve(reply.result);
    else task.reject(new ToolchainError(`the compiler failed inside: ${reply.failure ?? 'no reason given'}`));
    this.#dispatch();
  }

  #lose(slot: Slot, error: ToolchainError): void {
    clearTimeout(slot.idle);
    this.#slots.delete(slot);
    slot.task?.reject(error);
    slot.task = undefined;
    if (this.#waiting.length > 0) this.#dispatch();
  }
}

const toolOf = (request: ToolRequest): Slot['tool'] => (request.kind === 'warm' ? request.tool : request.kind);

/**
 * A VM on its way to this node: pages go straight into its domain's memory, files into a directory beside it. What comes is bounded by what the VM may
 * have, and nothing of it runs before all of it is there.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgramFile } from '@verbena/hypervisor';
import { BadStream, RecordReader } from '@verbena/live-migration';
import { Refusal } from '../errors.ts';
import type { NodePort } from '../node-port.ts';
import type { Vm } from '../vms/vm-table.ts';
import { Landing } from './adapter-path.ts';
import { BadFrame, numberOf, withNumber, type Frame } from './frames.ts';
import { decodeEntry, decodeMoving, type FileEntry, type MovingState } from './moving-state.ts';

const granuleBytes = 64 * 1024;
const mostFiles = 20_000;
const mostFileBytes = 2 * 1024 * 1024 * 1024;
const pieceBytes = 1 << 20;

export interface IncomingFacts {
  readonly migrationId: string;
  readonly fence: bigint;
  readonly jobId: string;
  readonly rank: number;
  readonly attempt: number;
}

interface Spooled {
  readonly entry: FileEntry;
  readonly at: string;
}

export class Incoming {
  readonly facts: IncomingFacts;
  readonly vm: Vm;
  readonly #dir: string;
  readonly #port: NodePort;
  #landing: Landing | undefined;
  readonly #files: Spooled[] = [];
  #memory = new Uint8Array(new SharedArrayBuffer(0));
  readonly #records: RecordReader;
  #taken = 0;
  #fileBytes = 0;
  #writing: { readonly handle: FileHandle; left: number } | undefined;
  #state: MovingState | undefined;
  #complete = false;
  readonly #ended = Promise.withResolvers<void>();

  constructor(facts: IncomingFacts, vm: Vm, dir: string, port: NodePort) {
    this.facts = facts;
    this.vm = vm;
    this.#dir = dir;
    this.#port = port;
    this.#records = new RecordReader((bytes) => this.#memoryUpTo(bytes), vm.request.memoryBytes);
    this.#ended.promise.catch(() => undefined);
  }

  /** @throws {Refusal} while something is missing */
  get arrived(): MovingState {
    if (!this.#complete || this.#state === undefined)
      throw new Refusal('not-here', `VM ${this.vm.request.vmId} has not arrived: its source has not sent all of it`);
    return this.#state;
  }

  /** Resolves when all has arrived. @throws the signal's reason; {Refusal} when nothing comes any more */
  async complete(signal: AbortSignal): Promise<void> {
    if (this.#complete) return;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    await Promise.race([this.#ended.promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
  }

  /** @throws {BadFrame}, {Refusal}, at once for pages, which are taken at once */
  take(frame: Frame): Promise<Frame | undefined> | undefined {
    return frame.kind === 'pages' ? this.#pages(frame.payload) : this.#take(frame);
  }

  async #take({ kind, payload }: Frame): Promise<Frame | undefined> {
    this.#checkOpen();
    this.#whole();
    switch (kind) {
      case 'round':
        return { kind: 'ack', payload: withNumber(this.#taken) };
      case 'pair':
        return { kind: 'pair', payload: this.#land(payload) };
      case 'region':
        return { kind: 'region', payload: withNumber(this.#region(numberOf(payload))) };
      case 'state': {
        const { jobId, rank } = this.facts;
        this.#state = decodeMoving(payload, { imageDigest: this.vm.request.imageDigest, jobId, rank });
        return undefined;
      }
      case 'file':
        await this.#begin(decodeEntry(payload));
        return undefined;
      case 'data':
        await this.#data(payload);
        return undefined;
      case 'end':
        await this.#end(numberOf(payload));
        return { kind: 'ack', payload: withNumber(this.#taken) };
      default:
        throw new BadFrame(`"${kind}" is not sent to the target`);
    }
  }

  /** The files, as the driver takes them. */
  async *files(): AsyncIterable<ProgramFile> {
    for (const { entry, at } of this.#files)
      yield await Promise.resolve({
        ...entry,
        content: () => createReadStream(at, { highWaterMark: pieceBytes }) as AsyncIterable<Uint8Array>,
      });
  }

  /** Removes what was kept beside the domain. */
  async close(): Promise<void> {
    this.#landing?.close();
    this.#ended.reject(new Refusal('not-here', `VM ${this.vm.request.vmId} has not arrived: the migration is off`));
    await this.#writing?.handle.close().catch(() => undefined);
    this.#writing = undefined;
    await rm(this.#dir, { recursive: true, force: true });
  }

  #land(source: Uint8Array): Uint8Array {
    const { domain, request } = this.vm;
    if (this.#landing !== undefined) throw new BadFrame('a second queue pair');
    if (domain === undefined) throw new Refusal('not-here', `VM ${request.vmId} has no memory to take pages`);
    this.#reach(granuleBytes);
    this.#landing = new Landing(this.#port, request.vmId, domain.incomingMemory(), source);
    return this.#landing.answer();
  }

  #region(bytes: number): number {
    if (this.#landing === undefined) throw new BadFrame('a region of memory without a queue pair');
    if (bytes === 0 || bytes > this.vm.request.memoryBytes)
      throw new BadFrame(`the VM has ${String(this.vm.request.memoryBytes)} bytes of memory, not ${String(bytes)}`);
    this.#reach(bytes);
    return this.#landing.region(bytes);
  }

  #checkOpen(): void {
    if (this.#complete) throw new BadFrame('something follows the end');
  }

  #pages(records: Uint8Array): undefined {
    this.#checkOpen();
    inFrames(() => this.#records.push(records));
    this.#taken += records.length;
  }

  /** Records end where another kind of frame begins. */
  #whole(): void {
    inFrames(() => this.#records.end());
  }

  #memoryUpTo(bytes: number): Uint8Array {
    this.#reach(bytes);
    if (bytes > this.#memory.length) throw new Refusal('not-here', `VM ${this.vm.request.vmId} has no memory to take pages`);
    return this.#memory;
  }

  #reach(bytes: number): void {
    if (bytes <= this.#memory.length || this.vm.domain === undefined) return;
    this.#memory = this.vm.domain.incoming(Math.ceil(bytes / granuleBytes) * granuleBytes);
  }

  async #begin(entry: FileEntry): Promise<void> {
    await this.#finishFile();
    this.#fileBytes += entry.size;
    if (this.#files.length >= mostFiles || this.#fileBytes > mostFileBytes)
      throw new BadFrame('the program has too many files, or too large ones');
    await mkdir(this.#dir, { recursive: true });
    const at = join(this.#dir, String(this.#files.length));
    this.#files.push({ entry, at });
    if (entry.kind === 'file') this.#writing = { handle: await open(at, 'wx'), left: entry.size };
  }

  async #data(content: Uint8Array): Promise<void> {
    if (this.#writing === undefined || content.length > this.#writing.left) throw new BadFrame('a file is longer than it was said to be');
    await this.#writing.handle.writeFile(content);
    this.#writing.left -= content.length;
  }

  async #finishFile(): Promise<void> {
    if (this.#writing === undefined) return;
    if (this.#writing.left > 0) throw new BadFrame('a file is shorter than it was said to be');
    await this.#writing.handle.close();
    this.#writing = undefined;
  }

  async #end(sent: number): Promise<void> {
    await this.#finishFile();
    if (this.#state === undefined) throw new BadFrame('the state is missing');
    if (sent !== this.#taken) throw new BadFrame(`${String(sent)} bytes were sent, ${String(this.#taken)} have arrived`);
    const { memoryBytes } = this.#state.program;
    if (memoryBytes > this.vm.request.memoryBytes) throw new BadFrame('the state has more memory than the VM');
    this.#reach(memoryBytes);
    this.#landing?.close();
    this.#complete = true;
    this.#ended.resolve();
  }
}

/** What is wrong with records is wrong with the frames that carry them. */
function inFrames(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (error instanceof BadStream) throw new BadFrame(error.message, { cause: error });
    throw error;
  }
}

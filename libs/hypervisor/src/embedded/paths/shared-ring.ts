/**
 * The page that a guest's frontend and its backend in a driver domain share (R2-R4): a ring of doorbells, one set-up command at a time, and
 * the completion queues that the backend serves. All state of the connection lies here, in the guest's own granted page and in no backend,
 * so that a driver domain which has died is replaced by another that goes on where it stood.
 *
 *   words     0-15    see `field`
 *             16-     ring of ringEntries requests: register, low, high, reserved
 *             then    queueEntries completion queues, see `queueField`
 *   bytes     input and output of the command
 */
export const field = {
  /** Requests that the frontend has put in, and the backend has taken out; they count on and wrap at 2^32. */
  head: 0,
  tail: 1,
  /** COMMAND_*. */
  command: 2,
  opcode: 3,
  length: 4,
  status: 5,
  /** What the backend has done for this guest: doorbells rung, commands carried out, completions brought. */
  doorbells: 6,
  commands: 7,
  completions: 8,
  /** 1 once the connection is closed for good. */
  closed: 9,
} as const;

export const COMMAND_NONE = 0;
export const COMMAND_ASKED = 1;
export const COMMAND_ANSWERED = 2;

export const queueField = {
  /** 0: the entry is free. */
  cqn: 0,
  /** The adapter's ring in the driver domain's memory, and the guest's own. */
  shadow: 1,
  ring: 2,
  entries: 3,
  /** Completions brought to the guest, and those it has read as far as it has told. */
  moved: 4,
  consumer: 5,
  armed: 6,
} as const;

export const ringEntries = 256;
export const queueEntries = 64;
export const commandBytes = 4096;
const requestWords = 4;
const queueWords = 8;
const ringAt = 16;
const queuesAt = ringAt + ringEntries * requestWords;
const commandAt = (queuesAt + queueEntries * queueWords) * 4;
export const sharedPageBytes = commandAt + commandBytes;

export class SharedPage {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;

  constructor(page: SharedArrayBuffer) {
    this.words = new Int32Array(page, 0, commandAt / 4);
    this.bytes = new Uint8Array(page, commandAt, commandBytes);
  }

  load(name: keyof typeof field): number {
    return Atomics.load(this.words, field[name]);
  }

  store(name: keyof typeof field, value: number): void {
    Atomics.store(this.words, field[name], value);
  }

  /** Index of the first word of a request. */
  request(number: number): number {
    return ringAt + (number & (ringEntries - 1)) * requestWords;
  }

  /** Index of the first word of a completion queue. */
  queue(number: number): number {
    return queuesAt + number * queueWords;
  }
}

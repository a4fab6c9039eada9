/**
 * A queue pair of the host itself, on its main thread: what writes a guest's memory into another host by RDMA (R46). It has a place of its own at the
 * adapter, for a memory that is given: the host's own with rings at its beginning, or that of a guest which is not there yet. The other
 * end of such a pair only answers: it has rings by name, in which nothing is ever posted or completed.
 *
 *   const pair = new HostQueuePair(port, 'vm-1', memory, true);
 *   pair.connect(lid, qpn);
 *   pair.write({ from, to, bytes, lkey, rkey });     // returns at once; false: the queue is full, poll first
 *   pair.poll();                                     // completions since the last time
 */
import { openAdapter, Retired, type Adapter } from '@verbena/hca';
import * as abi from '@verbena/guest-abi';
import { struct, u32 } from '@verbena/binary';
import type { DomainAttachment, FabricPort } from './types.ts';

/** Work requests that may be on their way. */
const queueEntries = 256;
const strideBytes = 64;
/** Of the host's own memory, for the rings of a pair that writes: what a guest has below its data, since the adapter tells of events there. */
export const hostRingBytes = abi.VB_DATA_BASE;
/** The default partition (InfiniBand vol. 1, section 10.9.1.2), which no job gets: hosts speak to hosts there. */
const hostPartition = 0x7fff;

const landingAccess = abi.VB_ACCESS_LOCAL_WRITE | abi.VB_ACCESS_REMOTE_WRITE;

/** Where a pair is found, as one end tells the other. */
export const pairAddress = struct('pair_address', { lid: u32, qpn: u32 }, 8);

const retired = new Retired();

export interface HostWrite {
  /** Addresses in this end's memory and in that of the other one, in bytes. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
  readonly lkey: number;
  readonly rkey: number;
}

export class HostQueuePair {
  readonly lid: number;
  readonly qpn: number;
  readonly #attachment: DomainAttachment;
  readonly #adapter: Adapter;
  readonly #ring: (register: number, low: number, high: number) => void;
  readonly #memory: WebAssembly.Memory;
  readonly #pd: number;
  readonly #cqn: number;
  readonly #rings: { readonly sq: number; readonly cq: number };
  #region: { readonly handle: number; readonly bytes: number } | undefined;
  #posted = 0;
  #completed = 0;
  #closed = false;

  /**
   * @param writes it has rings in the first `hostRingBytes` of its memory; otherwise it only answers, and nothing but the other end writes to its memory
   * @throws Error when the adapter has no place
   */
  constructor(port: Pick<FabricPort, 'lid' | 'attachDomain'>, vmId: string, memory: WebAssembly.Memory, writes: boolean) {
    this.#memory = memory;
    this.#attachment = port.attachDomain({ vmId, memory });
    this.#attachment.join(hostPartition);
    this.#adapter = openAdapter(this.#attachment.workerInit());
    this.#ring = this.#adapter.uarWrite as (register: number, low: number, high: number) => void;
    this.lid = port.lid;
    this.#rings = writes ? { sq: 0, cq: queueEntries * strideBytes } : { sq: 0, cq: 0 };
    const entries = writes ? queueEntries : 1;
    this.#pd = abi.cmdHandle.decode(this.#must('a protection domain', abi.VB_CMD_ALLOC_PD)).handle;
    const queue = abi.createCqIn.encode({ ring_addr: BigInt(this.#rings.cq), entries });
    this.#cqn = abi.cmdHandle.decode(this.#must('a completion queue', abi.VB_CMD_CREATE_CQ, queue)).handle;
    const wish = {
      pd: this.#pd,
      send_cq: this.#cqn,
      recv_cq: this.#cqn,
      sq_entries: entries,
      sq_stride: strideBytes,
      rq_entries: 1,
      rq_stride: 32,
    };
    const input = abi.createQpIn.encode({ ...wish, flags: 0, sq_addr: 0n, rq_addr: 0n, type: abi.VB_QPT_RC, srq: 0 });
    this.qpn = abi.createQpOut.decode(this.#must('a queue pair', abi.VB_CMD_CREATE_QP, input)).qpn;
  }

  /** RESET to RTS, towards the other end. @throws Error when there is none */
  connect(lid: number, qpn: number): void {
    this.#modify(abi.VB_QPS_INIT, abi.VB_ATTR_ACCESS, { access: landingAccess });
    this.#modify(abi.VB_QPS_RTR, abi.VB_ATTR_DEST, { dest_lid: lid, dest_qpn: qpn });
    this.#modify(abi.VB_QPS_RTS, abi.VB_ATTR_RETRY, { retry_count: 7, rnr_retry: 7 });
  }

  /** Makes the first so many bytes of memory the region of this pair, in the place of an earlier one. @returns its keys */
  register(bytes: number, access: 'read-here' | 'written-from-afar'): { readonly lkey: number; readonly rkey: number } {
    if (this.#region !== undefined) this.#must('no region', abi.VB_CMD_DEREG_MR, abi.cmdHandle.encode({ handle: this.#region.handle }));
    const rights = access === 'read-here' ? 0 : landingAccess;
    const input = abi.regMrIn.encode({ pd: this.#pd, access: rights, addr: 0n, length: BigInt(bytes) });
    const { handle, lkey, rkey } = abi.regMrOut.decode(this.#must(`a region of ${bytes} bytes`, abi.VB_CMD_REG_MR, input));
    this.#region = { handle, bytes };
    return { lkey, rkey };
  }

  /** Work requests that have not completed. */
  get outstanding(): number {
    return this.#posted - this.#completed;
  }

  /** Posts an RDMA write. @returns false, and does nothing, while the queue is full. @throws Error when the pair is closed */
  write({ from, to, bytes, lkey, rkey }: HostWrite): boolean {
    this.#mustBeOpen();
    if (this.outstanding >= queueEntries) return false;
    const view = new DataView(this.#memory.buffer);
    const at = this.#rings.sq + (this.#posted % queueEntries) * strideBytes;
    const header = { wr_id: BigInt(this.#posted), opcode: abi.VB_WR_RDMA_WRITE, flags: abi.VB_SEND_SIGNALED, num_sge: 1, imm: 0 };
    abi.sendWqe.write(view, at, { ...header, remote_addr: BigInt(to), rkey, inline_len: 0 });
    abi.sge.write(view, at + abi.VB_SEND_WQE_HEADER, { addr: BigInt(from), length: bytes, lkey });
    this.#posted++;
    this.#ring(abi.VB_UAR_SQ, this.qpn, this.#posted);
    return true;
  }

  /** Takes the completions that are there. @throws Error when a write has failed, or the pair is closed: whoever waits must not wait for ever */
  poll(): number {
    this.#mustBeOpen();
    const view = new DataView(this.#memory.buffer);
    const words = new Uint32Array(this.#memory.buffer);
    let taken = 0;
    for (; this.outstanding > 0; taken++) {
      const at = this.#rings.cq + (this.#completed % queueEntries) * abi.cqe.size;
      // Another thread writes the entry, its generation last: whatever else is looked at before may be of the one before.
      if (Atomics.load(words, (at + abi.cqe.offsets.generation) >>> 2) !== (this.#completed + 1) >>> 0) break;
      this.#completed++;
      const { status } = abi.cqe.read(view, at);
      if (status !== abi.VB_WC_SUCCESS) throw new Error(`an RDMA write into another host failed with status ${status}`);
    }
    if (taken > 0) this.#ring(abi.VB_UAR_CQ_CI, this.#cqn, this.#completed);
    return taken;
  }

  /** Its place at the adapter is free, and nobody writes into its memory any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#attachment.detach();
    retired.add(this.#memory.buffer.byteLength);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the queue pair of the host is closed');
  }

  #modify(state: number, attributes: number, values: Partial<Parameters<typeof abi.modifyQpIn.encode>[0]>): void {
    const input = abi.modifyQpIn.encode({ qpn: this.qpn, state, ...values, attr_mask: abi.VB_ATTR_STATE | attributes });
    this.#must(`queue pair ${this.qpn} in state ${state}`, abi.VB_CMD_MODIFY_QP, input);
  }

  #must(what: string, opcode: number, input: Uint8Array = new Uint8Array()): Uint8Array {
    const { status, output } = this.#adapter.command(opcode, input);
    if (status !== 0) throw new Error(`the adapter gives the host ${what} only with status ${status}`);
    return output;
  }
}

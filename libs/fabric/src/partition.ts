/** Who is in which partition, and who must learn whose memory (InfiniBand vol. 1, section 10.9: partitioning). */
import type { MessagePort } from 'node:worker_threads';
import type { PeerMemory, PortMessage } from '@verbena/hca';

export interface Member {
  readonly peer: PeerMemory;
  /** One port for each thread of the domain. */
  readonly ports: Set<MessagePort>;
}

function tell(member: Member, message: PortMessage): void {
  for (const port of member.ports) port.postMessage(message);
}

export class Partitions {
  readonly #members = new Map<number, Set<Member>>();

  /** Whether two are in some partition together. */
  #meet(a: Member, b: Member): boolean {
    return [...this.#members.values()].some((members) => members.has(a) && members.has(b));
  }

  /** All members but `self`. */
  others(pkey: number, self: Member): Member[] {
    return [...(this.#members.get(pkey) ?? [])].filter((each) => each !== self);
  }

  enter(pkey: number, self: Member): void {
    for (const other of this.others(pkey, self)) {
      tell(other, { kind: 'learn', peer: self.peer });
      tell(self, { kind: 'learn', peer: other.peer });
    }
    const members = this.#members.get(pkey) ?? new Set();
    this.#members.set(pkey, members.add(self));
  }

  exit(pkey: number, self: Member): void {
    const members = this.#members.get(pkey);
    if (members === undefined || !members.delete(self)) return;
    for (const other of members) {
      if (this.#meet(self, other)) continue;
      tell(other, { kind: 'forget', slot: self.peer.slot, epoch: self.peer.epoch });
      tell(self, { kind: 'forget', slot: other.peer.slot, epoch: other.peer.epoch });
    }
    if (members.size === 0) this.#members.delete(pkey);
  }
}

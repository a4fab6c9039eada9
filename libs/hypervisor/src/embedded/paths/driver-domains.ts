/** The driver domains of a node (R18). Started when they are first needed; a new guest goes to the one that has the fewest. */
import { Segments } from './segments.ts';
import { DriverDomain, type DriverDomainOptions } from './driver-domain.ts';

export class DriverDomains {
  /** Of the jobs on this node. */
  readonly segments = new Segments();
  readonly #all: DriverDomain[] = [];

  constructor(count: number, options: Omit<DriverDomainOptions, 'name'>) {
    for (let i = 0; i < count; i++) this.#all.push(new DriverDomain({ ...options, name: `driver-domain-${String(i)}` }));
  }

  choose(): DriverDomain {
    const [best] = [...this.#all].sort((a, b) => a.guests - b.guests);
    if (best === undefined) throw new Error('this node has no driver domain: give it at least one for the path split');
    return best;
  }

  /** The one that has the host's bridge: a frame between two guests of the host passes through one driver domain. */
  network(): DriverDomain {
    const [first] = this.#all;
    if (first === undefined) throw new Error('this node has no driver domain: give it at least one for the path ethernet');
    return first;
  }

  all(): readonly DriverDomain[] {
    return this.#all;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.close()));
  }
}

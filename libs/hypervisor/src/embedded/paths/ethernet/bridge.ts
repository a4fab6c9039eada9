/** The software bridge of a host, in its driver domain: from guest to guest of one partition, and through the uplink to other hosts. */
import { frameHeader, hostOf, longestFrame, type Frame } from './frame.ts';
import { NetBack, type NetBackStart } from './netback.ts';
import { sendSlots } from './network-page.ts';

export interface Trunk {
  /** Sends a frame to the bridge of another host; one that has no room is lost. */
  send(host: number, pkey: number, frame: Frame): void;
}

const portOf = (pkey: number, lid: number): number => (pkey & 0x7fff) * 65_536 + lid;

export class Bridge {
  readonly #byConnection = new Map<number, NetBack>();
  readonly #byAddress = new Map<number, NetBack>();
  /** Absent on a host that is alone. */
  trunk: Trunk | undefined;

  plug(start: NetBackStart): void {
    const guest = new NetBack(start);
    this.#byConnection.set(start.connection, guest);
    this.#byAddress.set(portOf(guest.pkey, guest.lid), guest);
  }

  /** What the guest has sent last goes out first. False when there is no such connection. */
  unplug(connection: number): boolean {
    const guest = this.#byConnection.get(connection);
    if (guest === undefined) return false;
    for (let turns = sendSlots; turns > 0 && this.#turnOf(guest); turns--);
    this.flush();
    this.#byConnection.delete(connection);
    if (this.#byAddress.get(portOf(guest.pkey, guest.lid)) === guest) this.#byAddress.delete(portOf(guest.pkey, guest.lid));
    return true;
  }

  /** @param serves told for whom the bridge works. False when nobody had a frame. */
  turn(serves: (connection: number) => void): boolean {
    let any = false;
    for (const [connection, guest] of this.#byConnection) {
      serves(connection);
      any = this.#turnOf(guest) || any;
    }
    if (any) this.flush();
    return any;
  }

  #turnOf(guest: NetBack): boolean {
    return guest.turn(({ pkey, lid }, frame) => {
      const near = this.#byAddress.get(portOf(pkey, frame.to));
      if (near !== undefined) near.deliver(frame);
      else if (frame.to !== 0 && hostOf(frame.to) !== hostOf(lid)) this.trunk?.send(hostOf(frame.to), pkey, frame);
    });
  }

  /** A frame from the bridge of another host. That it says the truth about where it comes from is all that is checked of it. */
  arrived(host: number, pkey: number, frame: Frame): void {
    if (frame.length <= frameHeader || frame.length > longestFrame || hostOf(frame.from) !== host) return;
    this.#byAddress.get(portOf(pkey, frame.to))?.deliver(frame);
  }

  /** Tells the guests that got frames. */
  flush(): void {
    for (const guest of this.#byConnection.values()) guest.flush();
  }
}

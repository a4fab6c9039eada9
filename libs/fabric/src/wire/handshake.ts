/**
 * How two processes of a cluster find out that they are that, before the first frame of a connection:
 *
 *   dialer                          acceptor
 *   HELLO (who I am, nonce) ------>
 *                           <------ HELLO (who I am, nonce)
 *   PROOF ------------------------>            HMAC-SHA256 of both hellos with the cluster's secret
 *                           <------ PROOF      the same, with the verdict
 *
 * The acceptor shows nothing made with the secret to somebody who has not shown that he knows it. Proofs differ by side, so that neither can be
 * sent back. The keys of the frames come from the secret and both hellos (HKDF, RFC 5869), so each connection has its own.
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { bytes, cstring, struct, u16, u32, u64 } from '@verbena/binary';
import { LINK_KEY_BYTES } from '@verbena/hca';

/** "VBFL" in memory order. */
const MAGIC = 0x4c46_4256;
const VERSION = 2;
const NONCE_BYTES = 32;
export const ENDPOINT_BYTES = 256;
export const LEAST_SECRET_BYTES = 16;

const hello = struct(
  'vb_fabric_hello',
  {
    magic: u32,
    version: u16,
    reserved: u16,
    /** Different each time that the process is started. */
    incarnation: u64,
    nonce: bytes(NONCE_BYTES),
    /** Where the sender listens: its name among the cluster's processes. */
    endpoint: cstring(ENDPOINT_BYTES),
    /** Whom it wants to reach. */
    target: cstring(ENDPOINT_BYTES),
  },
  560,
);
const proof = struct('vb_fabric_proof', { verdict: u32, reserved: u32, mac: bytes(32) }, 40);

export const HELLO_BYTES = hello.size;
export const PROOF_BYTES = proof.size;

/** What the acceptor says in the end. */
export const VERDICT = { welcome: 0, unknown: 1, busy: 2 } as const;
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

export interface Identity {
  readonly endpoint: string;
  readonly incarnation: bigint;
}

export interface LinkKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

/** Whoever is at the other end is not one of the cluster's processes, or speaks another version. The connection is to be closed. */
export class HandshakeError extends Error {}

export function sayHello(self: Identity, target: string, nonce: Uint8Array): Uint8Array {
  return hello.encode({ magic: MAGIC, version: VERSION, incarnation: self.incarnation, nonce, endpoint: self.endpoint, target });
}

/** @throws HandshakeError when this is no hello, of another version, or meant for another process */
export function readHello(data: Uint8Array, self: Identity): Identity {
  const { magic, version, incarnation, endpoint, target } = hello.decode(data);
  if (magic !== MAGIC) throw new HandshakeError('the other end does not speak the fabric protocol');
  if (version !== VERSION) throw new HandshakeError(`the other end speaks version ${version} of the fabric protocol, this one ${VERSION}`);
  if (target !== self.endpoint) throw new HandshakeError(`the other end wants ${JSON.stringify(target)}, and this is ${self.endpoint}`);
  if (endpoint === '' || endpoint === self.endpoint) throw new HandshakeError(`the other end calls itself ${JSON.stringify(endpoint)}`);
  return { endpoint, incarnation };
}

type Side = 'dialer' | 'acceptor';

/** Both hellos, as one of the two sides has them, with the secret. */
export class Acquaintance {
  readonly #secret: Uint8Array;
  readonly #hellos: Uint8Array;

  constructor(secret: Uint8Array, dialerHello: Uint8Array, acceptorHello: Uint8Array) {
    this.#secret = secret;
    this.#hellos = Buffer.concat([dialerHello, acceptorHello]);
  }

  prove(side: Side, verdict: Verdict = VERDICT.welcome): Uint8Array {
    return proof.encode({ verdict, mac: this.#mac(side, verdict) });
  }

  /** @throws HandshakeError when the other side does not know the secret */
  check(side: Side, data: Uint8Array): Verdict {
    const { verdict, mac } = proof.decode(data);
    if (!timingSafeEqual(mac, this.#mac(side, verdict))) throw new HandshakeError('the other end does not know the secret of this cluster');
    if (verdict !== VERDICT.welcome && verdict !== VERDICT.unknown && verdict !== VERDICT.busy)
      throw new HandshakeError(`the other end answers with verdict ${verdict}, which this version does not know`);
    return verdict;
  }

  keys(side: Side): LinkKeys {
    const [mine, theirs] = side === 'dialer' ? (['dialer', 'acceptor'] as const) : (['acceptor', 'dialer'] as const);
    return { send: this.#keysOf(mine), receive: this.#keysOf(theirs) };
  }

  #mac(side: Side, verdict: number): Uint8Array {
    return createHmac('sha256', this.#secret).update(`verbena fabric ${VERSION} ${side} ${verdict}\0`).update(this.#hellos).digest();
  }

  #keysOf(sender: Side): Uint8Array {
    const salt = createHash('sha256').update(this.#hellos).digest();
    return new Uint8Array(hkdfSync('sha256', this.#secret, salt, `verbena fabric ${VERSION} frames of the ${sender}`, LINK_KEY_BYTES));
  }
}

export { NONCE_BYTES };

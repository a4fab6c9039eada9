import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Acquaintance, HandshakeError, HELLO_BYTES, VERDICT, readHello, sayHello, type Identity } from './handshake.ts';

const alice: Identity = { endpoint: '10.0.0.1:7471', incarnation: 11n };
const bob: Identity = { endpoint: '10.0.0.2:7471', incarnation: 22n };
const secret = new TextEncoder().encode('a secret of the cluster');

function hellos(): [Uint8Array, Uint8Array] {
  return [sayHello(alice, bob.endpoint, randomBytes(32)), sayHello(bob, alice.endpoint, randomBytes(32))];
}

describe('the handshake of a link', () => {
  it('introduces two processes that know the secret, and gives them the same keys, crosswise', () => {
    const [one, two] = hellos();
    expect([readHello(one, bob), readHello(two, alice)]).toEqual([alice, bob]);
    const [dialer, acceptor] = [new Acquaintance(secret, one, two), new Acquaintance(secret, one, two)];
    expect(acceptor.check('dialer', dialer.prove('dialer'))).toBe(VERDICT.welcome);
    expect(dialer.check('acceptor', acceptor.prove('acceptor', VERDICT.busy))).toBe(VERDICT.busy);
    const [mine, theirs] = [dialer.keys('dialer'), acceptor.keys('acceptor')];
    expect(mine.send).toEqual(theirs.receive);
    expect(mine.receive).toEqual(theirs.send);
    expect(mine.send).not.toEqual(mine.receive);
  });

  it('gives every connection other keys', () => {
    const keys = (): Uint8Array => new Acquaintance(secret, ...hellos()).keys('dialer').send;
    expect(keys()).not.toEqual(keys());
  });

  it('refuses who does not know the secret, and a proof that is sent back', () => {
    const [one, two] = hellos();
    const own = new Acquaintance(secret, one, two);
    const stranger = new Acquaintance(new TextEncoder().encode('another secret, as long'), one, two);
    expect(() => own.check('dialer', stranger.prove('dialer'))).toThrow('does not know the secret');
    expect(() => own.check('acceptor', own.prove('dialer'))).toThrow('does not know the secret');
    const welcome = own.prove('acceptor', VERDICT.busy);
    welcome[0] = VERDICT.welcome;
    expect(() => own.check('acceptor', welcome)).toThrow('does not know the secret');
  });

  it('refuses who means somebody else, or claims to be the process itself', () => {
    const [one] = hellos();
    expect(() => readHello(one, { endpoint: '10.0.0.3:7471', incarnation: 1n })).toThrow('this is 10.0.0.3:7471');
    expect(() => readHello(sayHello(bob, bob.endpoint, new Uint8Array(32)), bob)).toThrow('calls itself');
  });

  it('makes an error of any nonsense, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: HELLO_BYTES, maxLength: HELLO_BYTES }),
        fc.nat(HELLO_BYTES - 1),
        fc.nat(255),
        (noise, at, value) => {
          expect(() => readHello(noise, bob)).toThrow(HandshakeError);
          const [hello] = hellos();
          hello[at] = value;
          try {
            expect(readHello(hello, bob)).toMatchObject({ endpoint: expect.any(String) as string });
          } catch (error) {
            expect(error).toBeInstanceOf(HandshakeError);
          }
        },
      ),
      { seed: 5 },
    );
  });
});

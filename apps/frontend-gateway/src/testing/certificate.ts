/** Certificates for specs, made on the spot: X.509 v3 in DER (RFC 5280, section 4.1), signed with ECDSA on P-256. */
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const sequence = (...content: readonly Uint8Array[]): Buffer => der(0x30, ...content);
const integer = (value: number): Buffer => der(0x02, Buffer.from([value]));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const bits = (value: Uint8Array): Buffer => der(0x03, Buffer.from([0]), value);
const octets = (value: Uint8Array): Buffer => der(0x04, value);
const name = (common: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(common)))));
const time = (text: string): Buffer => der(0x18, Buffer.from(text));
const critical = der(0x01, Buffer.from([0xff]));

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));

export interface Made {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly common: string;
  readonly privateKey: KeyObject;
}

/** A certificate for localhost and 127.0.0.1; an authority's own when nobody issues it. */
export function makeCertificate(common: string, issuer?: Made): Made {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])));
  const authority = sequence(...(issuer ? [] : [critical]));
  const extensions = der(0xa3, sequence(sequence(oid('551d13'), critical, octets(authority)), sequence(oid('551d11'), octets(names))));
  const body = sequence(
    der(0xa0, integer(2)),
    integer(Math.min(127, 1 + common.length)),
    ecdsaWithSha256,
    name(issuer?.common ?? common),
    sequence(time('20200101000000Z'), time('21200101000000Z')),
    name(common),
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
  const signature = sign('sha256', body, { key: issuer?.privateKey ?? privateKey, dsaEncoding: 'der' });
  const pem =
    sequence(body, ecdsaWithSha256, bits(signature))
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n') ?? '';
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    common,
    privateKey,
  };
}

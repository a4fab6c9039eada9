/**
 * The subjects of the bus over NATS (docs/formats/bus.md). Whoever calls is named in every subject that it publishes to or listens on, and whoever
 * serves in every subject that it answers on, so that the server's permissions prove both.
 *
 *   <prefix>.rpc.<service>.<instance>.<method>.<caller>                    calls
 *   <prefix>.re.<service>.<instance>.<caller>.<connection>.<call>          answers
 *   <prefix>.ctl.<service>.<instance>.<replica>.<caller>.<connection>.<call>   credit, cancellation and more of a request's body
 *   <prefix>.note.<subject>                                                notifications
 *
 * <caller> is two tokens, a service and its instance; "=" stands for no instance.
 */
import type { Caller } from '../caller.ts';

export const noInstance = '=';
export const everyReplica = '=';

/** Any text as one token of a subject: bytes beyond letters, digits, "-" and "_" become "=" and two hexadecimal digits. */
export function token(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  if (text === '') throw new RangeError('an empty name has no place in a subject');
  return [...Buffer.from(text)].map((byte) => (safe(byte) ? String.fromCharCode(byte) : `=${hex(byte)}`)).join('');
}

/** The text of a token; undefined for what `token` never makes. */
export function untoken(text: string): string | undefined {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  if (!/^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/.test(text)) return undefined;
  const bytes = Buffer.from(
    text.replace(/=([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
    'latin1',
  );
  const decoded = bytes.toString('utf8');
  return token(decoded) === text ? decoded : undefined;
}

function safe(byte: number): boolean {
  return /[A-Za-z0-9_-]/.test(String.fromCharCode(byte));
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

/** A service's name has dots and no hyphens, a token the other way round. */
export function serviceToken(typeName: string): string {
  return typeName.replaceAll('.', '-');
}

export function callerTokens({ service, instance }: Caller): string {
  return `${token(service)}.${instance === undefined ? noInstance : token(instance)}`;
}

/** The caller that two tokens name. */
export function callerFrom(service: string | undefined, instance: string | undefined): Caller | undefined {
  const name = untoken(service ?? '');
  if (name === undefined || instance === undefined) return undefined;
  if (instance === noInstance) return { service: name };
  const which = untoken(instance);
  return which === undefined ? undefined : { service: name, instance: which };
}

/** The subjects of one served service, or of one of its instances. */
export interface ServiceSubjects {
  /** Of a method, for a caller. */
  call(method: string, caller: string): string;
  /** What a server of the service listens on. */
  readonly calls: string;
  /** Before the caller's tokens. */
  readonly answers: string;
  control(replica: string): string;
  readonly queue: string;
}

/** The subjects of a service, of one of its instances, or (for permissions) those of any instance. */
export function serviceSubjects(prefix: string, typeName: string, address: string | undefined, any = false): ServiceSubjects {
  const service = serviceToken(typeName);
  const instance = address === undefined ? noInstance : token(address);
  const at = `${service}.${any ? '*' : instance}`;
  return {
    call: (method, caller) => `${prefix}.rpc.${at}.${method}.${caller}`,
    calls: `${prefix}.rpc.${at}.*.*.*`,
    answers: `${prefix}.re.${at}.`,
    control: (replica) => `${prefix}.ctl.${at}.${replica}.`,
    queue: service,
  };
}

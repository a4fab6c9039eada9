/**
 * The configuration of the NATS server: a user for each service and each node, known by the public half of an nkey, with the permissions that the
 * table gives it. The secret half never leaves its owner, so the configuration itself holds no secret.
 */
import { callerName, type Caller } from '../caller.ts';
import { natsPermissions } from './nats-permissions.ts';

export interface NatsServerUser {
  readonly caller: Caller;
  /** As newNatsSecret makes it. */
  readonly secret: string;
}

export interface NatsServerOptions {
  readonly users: readonly NatsServerUser[];
  /** Where clients connect: host and port. */
  readonly listen: string;
  /** Where the server tells of its health, over HTTP. */
  readonly monitor?: string;
  /** Bytes that one message may have. */
  readonly maxPayload?: number;
  readonly prefix?: string;
}

/** Loaded only where secrets are made or read: a cluster in one process has none. */
const loadNkeys = () => import('./nkeys.ts');

/** A secret by which a client proves to be a user: the seed of an nkey (Ed25519). */
export async function newNatsSecret(): Promise<string> {
  const nkeys = await loadNkeys();
  return new TextDecoder().decode(nkeys.createUser().getSeed());
}

/** Whether a text is the seed of a user's nkey; its checksum is verified. */
export async function isNatsSecret(text: string): Promise<boolean> {
  if (!/^SU[A-Z2-7]{56}$/.test(text)) return false;
  const nkeys = await loadNkeys();
  try {
    nkeys.fromSeed(new TextEncoder().encode(text));
    return true;
  } catch {
    return false;
  }
}

/** What the server knows of a secret. @throws {Error} when the secret is none */
export async function natsPublicKey(secret: string): Promise<string> {
  if (!(await isNatsSecret(secret)))
    throw new Error('this is no secret of a NATS user (the seed of an nkey, SU...): remove it, and have a new one made');
  return (await loadNkeys()).fromSeed(new TextEncoder().encode(secret)).getPublicKey();
}

const twoMebibytes = 2 << 20;

/** The server's configuration file. The server takes a changed one on SIGHUP, without a restart. */
export async function natsServerConfig({ users, listen, monitor, maxPayload = twoMebibytes, prefix }: NatsServerOptions): Promise<string> {
  const list = (subjects: readonly string[]): string =>
    `[${subjects.map((subject) => `\n          ${JSON.stringify(subject)}`).join(',')}\n        ]`;
  const entry = async ({ caller, secret }: NatsServerUser): Promise<string> => {
    const { publish, subscribe } = natsPermissions(caller, prefix);
    return [
      `    # ${callerName(caller)}`,
      `    {`,
      `      nkey: ${JSON.stringify(await natsPublicKey(secret))}`,
      `      permissions: {`,
      `        publish: { allow: ${list(publish)} }`,
      `        subscribe: { allow: ${list(subscribe)} }`,
      `      }`,
      `    }`,
    ].join('\n');
  };
  const entries = await Promise.all(users.map(entry));
  return [
    '# Written by Verbena from the table of who may call what; see docs/guides/nats.md. Changes are overwritten.',
    `listen: ${JSON.stringify(listen)}`,
    ...(monitor === undefined ? [] : [`http: ${JSON.stringify(monitor)}`]),
    `max_payload: ${maxPayload}`,
    // A client that reads nothing is let go rather than remembered.
    'max_pending: 67108864',
    'write_deadline: "10s"',
    // A connection whose other end is gone is noticed within half a minute.
    'ping_interval: "10s"',
    'ping_max: 2',
    'authorization {',
    '  timeout: 5',
    '  users: [',
    entries.join('\n'),
    '  ]',
    '}',
    '',
  ].join('\n');
}

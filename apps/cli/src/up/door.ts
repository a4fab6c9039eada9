/** Who may come in by the gateway of a cluster on this machine, and how: tokens and TLS. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AuthMode, TlsFiles } from '@verbena/frontend-gateway';
import { adminTokenFile, readSecret } from '../endpoint/target.ts';
import { usageError } from '../errors.ts';

export interface DoorOptions {
  readonly auth?: AuthMode;
  readonly tls?: TlsFiles;
}

/** The options of `verbena up`, as they were typed. */
export interface DoorWords {
  readonly auth?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
}

const modes: readonly AuthMode[] = ['single-user', 'tokens'];

/** @throws {CliError} for a mode that does not exist, or half a certificate */
export function doorOptions({ auth, tlsCertificate, tlsKey, tlsClientCa }: DoorWords, cwd: string): DoorOptions {
  const mode = modes.find((known) => known === auth);
  if (auth !== undefined && mode === undefined) throw usageError(`--auth wants ${modes.join(' or ')}, not "${auth}"`);
  if ((tlsCertificate === undefined) !== (tlsKey === undefined) || (tlsClientCa !== undefined && tlsCertificate === undefined))
    throw usageError('TLS needs both --tls-certificate and --tls-key');
  const tls =
    tlsCertificate === undefined || tlsKey === undefined
      ? undefined
      : {
          certificate: resolve(cwd, tlsCertificate),
          key: resolve(cwd, tlsKey),
          ...(tlsClientCa !== undefined && { clientAuthorities: resolve(cwd, tlsClientCa) }),
        };
  return { ...(mode && { auth: mode }), ...(tls && { tls }) };
}

/** The words again, for a process that is started with them. */
export function doorWords({ auth, tlsCertificate, tlsKey, tlsClientCa }: DoorWords, cwd: string): string[] {
  const file = (option: string, path: string | undefined): string[] => (path === undefined ? [] : [option, resolve(cwd, path)]);
  return [
    ...(auth === undefined ? [] : ['--auth', auth]),
    ...file('--tls-certificate', tlsCertificate),
    ...file('--tls-key', tlsKey),
    ...file('--tls-client-ca', tlsClientCa),
  ];
}

/** The first admin's secret: made once, and kept where only the owner of the data directory can read it. */
export async function adminSecret(dataDir: string): Promise<{ secret: string; path: string }> {
  const { newSecret } = await import('@verbena/frontend-gateway');
  const path = join(dataDir, adminTokenFile);
  const secret = newSecret((bytes) => new Uint8Array(randomBytes(bytes)));
  await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  return { secret: await readSecret(path), path };
}

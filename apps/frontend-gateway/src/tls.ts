/**
 * The gateway's certificate. The files are read when it starts and again when they change or the process gets SIGHUP, so that a renewed certificate is
 * served without a restart; connections that are open keep the one that they began with.
 */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '@verbena/service-kit';
import type { Logger } from 'pino';

export interface TlsFiles {
  /** The certificate with its chain, and its key: paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate of one of these authorities, too. */
  readonly clientAuthorities?: string;
}

/** Files that were named one by one; undefined when none was. @throws {TypeError} when some are missing */
export function tlsFiles(certificate: string | undefined, key: string | undefined, clientAuthorities?: string): TlsFiles | undefined {
  if (certificate === undefined && key === undefined && clientAuthorities === undefined) return undefined;
  if (certificate === undefined || key === undefined) throw new TypeError('TLS needs a certificate and its key: name both files');
  return { certificate, key, ...(clientAuthorities !== undefined && { clientAuthorities }) };
}

/** @throws {Error} naming the file that cannot be read, or saying that certificate and key do not belong together */
export async function readTls({ certificate, key, clientAuthorities }: TlsFiles): Promise<SecureContextOptions> {
  const read = (what: string, path: string): Promise<Buffer> =>
    readFile(path).catch((cause: unknown) => {
      throw new Error(`the ${what} cannot be read from ${path}`, { cause });
    });
  const options: SecureContextOptions = {
    cert: await read('certificate', certificate),
    key: await read('key of the certificate', key),
    ...(clientAuthorities !== undefined && { ca: await read('list of client authorities', clientAuthorities) }),
    minVersion: 'TLSv1.2',
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new Error(`${certificate} and ${key} are no certificate and its key`, { cause });
  }
  return options;
}

export interface TlsWatch {
  readonly log: Logger;
  readonly clock: Clock;
  /** How often the files are looked at, in milliseconds. */
  readonly everyMs?: number;
  /** Given what the files hold now. */
  use(options: SecureContextOptions): void;
}

/** Watches the files. Ones that cannot be used are reported, and the last good ones stay in use. @returns a function that stops watching */
export function watchTls(files: TlsFiles, { log, clock, everyMs = 10_000, use }: TlsWatch): () => void {
  const stopped = new AbortController();
  const paths = Object.values(files).filter((path) => path !== undefined);
  const seen = (): Promise<string> => Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs)).then(String, () => 'missing');
  const reload = async (): Promise<void> => {
    try {
      use(await readTls(files));
      log.info({ certificate: files.certificate }, 'the certificate has been read anew');
    } catch (err) {
      log.error({ err }, 'the new certificate cannot be used; the one before stays');
    }
  };
  const onHangup = (): void => void reload();
  process.on('SIGHUP', onHangup);
  void (async () => {
    let known = await seen();
    for (;;) {
      await clock.sleep(everyMs, stopped.signal);
      const now = await seen();
      if (now === known) continue;
      known = now;
      await reload();
    }
  })().catch(() => undefined);
  return () => {
    process.off('SIGHUP', onHangup);
    stopped.abort();
  };
}

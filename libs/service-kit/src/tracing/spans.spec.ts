import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { attributes, spans } from './spans.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

async function sources(directory: string): Promise<string[]> {
  const names = await readdir(join(root, directory), { recursive: true });
  return names
    .filter((name) => /^(?!.*(node_modules|dist)\/).*\/src\/.*(?<!\.spec|\.fixture)\.ts$/.test(name))
    .map((name) => join(directory, name));
}

describe('spans', () => {
  it('and docs/telemetry.md name the same spans and attributes', async () => {
    const page = await readFile(join(root, 'docs/telemetry.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, name, service, about]) => ({
      name,
      service,
      about,
    }));
    for (const [name, { service, about }] of Object.entries(spans)) expect(rows).toContainEqual({ name, service, about });
    const listed = rows.filter(({ name }) => !/^(verbena|process|nodejs)_/.test(name ?? ''));
    expect(listed.map(({ name }) => name).sort()).toEqual(Object.keys(spans).sort());
    const named = [...page.matchAll(/^\| `([a-z_.]+)` \| (string|number) \|$/gm)].map(([, name, type]) => [name, type]);
    expect(Object.fromEntries(named)).toEqual(attributes);
  });

  it('are started in three places only: by the list, and for calls on either side of the gateway', async () => {
    const allowed = [
      'apps/frontend-gateway/src/request-span.ts',
      'libs/messaging/src/interceptors.ts',
      'libs/service-kit/src/tracing/span.ts',
    ];
    const found: string[] = [];
    for (const path of [...(await sources('apps')), ...(await sources('libs'))]) {
      const text = await readFile(join(root, path), 'utf8');
      if (/\.start(Active)?Span\(/.test(text)) found.push(path);
    }
    expect(found.sort()).toEqual(allowed);
  });

  it('have names of low cardinality, and attributes of our own below verbena', () => {
    for (const name of Object.keys(spans)) expect(name).toMatch(/^[a-zA-Z ]+$/);
    for (const name of Object.keys(attributes)) expect(name).toMatch(/^(verbena|process|db|error)(\.[a-z]+)+$/);
  });
});

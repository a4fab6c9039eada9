import type { DescService } from '@bufbuild/protobuf';
import * as contracts from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { accessOf, authorization, permits, roles } from './authorization.ts';

/** Every service that the contracts declare, found by looking rather than by knowing. */
function declaredServices(): DescService[] {
  return Object.values(contracts)
    .flatMap((namespace) => Object.values(namespace) as { kind?: string }[])
    .filter((value): value is DescService => value?.kind === 'service');
}

describe('the authorization table', () => {
  it('has a row for every service and every RPC of the contracts', () => {
    const missing = declaredServices().flatMap((service) => {
      const row = authorization.find((candidate) => candidate.service.typeName === service.typeName);
      return service.methods.filter((method) => !row?.access[method.localName]).map((method) => `${service.typeName}/${method.name}`);
    });
    expect(declaredServices().length).toBeGreaterThan(8);
    expect(missing).toEqual([]);
  });

  it('names no RPC that the contracts do not have', () => {
    const stale = authorization.flatMap(({ service, access }) =>
      Object.keys(access).filter((name) => !service.methods.some((method) => method.localName === name)),
    );
    expect(stale).toEqual([]);
  });

  it('keeps everything of node-agents inside', () => {
    const { NodeAgentService } = contracts.nodev1;
    for (const method of NodeAgentService.methods) expect(accessOf(NodeAgentService, method)).toBe('internal');
  });

  it('lets a role do what it and those below it may, and nobody do what is internal', () => {
    expect(permits('viewer', 'viewer')).toBe(true);
    expect(permits('viewer', 'user')).toBe(false);
    expect(permits('user', 'operator')).toBe(false);
    expect(permits('operator', 'user')).toBe(true);
    for (const role of roles) expect(permits(role, 'internal')).toBe(false);
  });
});

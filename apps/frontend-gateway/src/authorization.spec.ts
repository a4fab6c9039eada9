import type { DescService } from '@bufbuild/protobuf';
import * as contracts from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { roles } from '@verbena/domain-identity';
import { mayCall } from '@verbena/messaging';
import { authorization, permits, publicServices, ruleOf, type Resource } from './authorization.ts';

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
      return service.methods.filter((method) => !row?.rules[method.localName]).map((method) => `${service.typeName}/${method.name}`);
    });
    expect(declaredServices().length).toBeGreaterThan(8);
    expect(missing).toEqual([]);
  });

  it('names no RPC that the contracts do not have', () => {
    const stale = authorization.flatMap(({ service, rules }) =>
      Object.keys(rules).filter((name) => !service.methods.some((method) => method.localName === name)),
    );
    expect(stale).toEqual([]);
  });

  it('keeps everything of node-agents inside', () => {
    const { NodeAgentService } = contracts.nodev1;
    for (const method of NodeAgentService.methods) expect(ruleOf(NodeAgentService, method).needs).toBe('internal');
    expect(publicServices()).not.toContain(NodeAgentService);
  });

  it('forwards what the bus lets the gateway call, and the bus lets it call nothing that is internal but to prove who calls', () => {
    const gateway = { service: 'frontend-gateway' };
    for (const { service, part, rules } of authorization) {
      if (part === 'frontend-gateway' || service.typeName === contracts.identityv1.CredentialService.typeName) continue;
      for (const method of service.methods)
        expect(mayCall(gateway, method), method.toString()).toBe(rules[method.localName]?.needs !== 'internal');
    }
  });

  it('asks nobody for a token to learn the contracts or the health, and everybody for everything else', () => {
    const open = authorization.filter(({ rules }) => Object.values(rules).some(({ needs }) => needs === 'anyone'));
    expect(open.map(({ service }) => service.typeName)).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
  });

  it('finds what a call is about in a field that the request has', () => {
    const found = new Set<Resource>();
    for (const { service, rules } of authorization)
      for (const { localName, input } of service.methods) {
        const scope = rules[localName]?.scope;
        if (scope?.kind !== 'one') continue;
        expect(input.field[scope.field]?.fieldKind, `${input.typeName}.${scope.field}`).toBe('scalar');
        found.add(scope.resource);
      }
    expect([...found].sort()).toEqual(['checkpoint', 'image', 'job', 'migration', 'token', 'vm']);
  });

  it('lets a role do what it and those below it may, and nobody do what is internal', () => {
    expect(permits('viewer', 'viewer')).toBe(true);
    expect(permits('viewer', 'user')).toBe(false);
    expect(permits('user', 'operator')).toBe(false);
    expect(permits('operator', 'user')).toBe(true);
    expect(permits('operator', 'admin')).toBe(false);
    for (const role of roles) expect([permits(role, 'internal'), permits(role, 'anyone')]).toEqual([false, true]);
  });
});

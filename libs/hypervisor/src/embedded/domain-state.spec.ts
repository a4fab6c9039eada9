import { expect, it } from 'vitest';
import type { DomainState } from '../port.ts';
import { nextState, type DomainChange } from './domain-state.ts';

const changes: readonly DomainChange[] = ['boot', 'booted', 'exec', 'end', 'crash', 'pause', 'resume', 'destroy'];

it.each<[DomainState, Partial<Record<DomainChange, DomainState>>]>([
  ['created', { boot: 'booting', destroy: 'shut-down' }],
  ['booting', { booted: 'idle', crash: 'crashed', destroy: 'shut-down' }],
  ['idle', { exec: 'running', crash: 'crashed', destroy: 'shut-down' }],
  ['running', { end: 'idle', crash: 'crashed', pause: 'paused', destroy: 'shut-down' }],
  ['paused', { resume: 'running', end: 'idle', crash: 'crashed', destroy: 'shut-down' }],
  ['crashed', { destroy: 'shut-down' }],
  ['shut-down', {}],
])('a domain that is %s allows exactly what the drawing in port.ts shows', (state, allowed) => {
  for (const change of changes) expect(nextState(state, change), change).toBe(allowed[change]);
});

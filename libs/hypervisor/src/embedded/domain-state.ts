import type { DomainState } from '../port.ts';

/** What happens to a domain, see the drawing in port.ts. */
export type DomainChange = 'boot' | 'booted' | 'exec' | 'restore' | 'end' | 'crash' | 'pause' | 'resume' | 'suspend' | 'destroy';

const transitions: Readonly<Record<DomainState, Partial<Readonly<Record<DomainChange, DomainState>>>>> = {
  created: { boot: 'booting', destroy: 'shut-down' },
  booting: { booted: 'idle', crash: 'crashed', destroy: 'shut-down' },
  idle: { exec: 'running', restore: 'running', crash: 'crashed', destroy: 'shut-down' },
  running: { end: 'idle', crash: 'crashed', pause: 'paused', suspend: 'suspended', destroy: 'shut-down' },
  paused: { resume: 'running', end: 'idle', crash: 'crashed', destroy: 'shut-down' },
  suspended: { resume: 'running', end: 'idle', crash: 'crashed', destroy: 'shut-down' },
  crashed: { destroy: 'shut-down' },
  'shut-down': {},
};

export function nextState(state: DomainState, change: DomainChange): DomainState | undefined {
  return transitions[state][change];
}

/** A tenant: those whose jobs, VMs, images and output are theirs alone. Stream `tenant-<name>`. */
import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { Command, Event } from './event.ts';
import { badTenantName } from './names.ts';

export type TenantEvent =
  | Event<'TenantCreated', { readonly name: string; readonly description: string }>
  | Event<'TenantDisabled', object>
  | Event<'TenantEnabled', object>;

export type TenantCommand =
  | Command<'CreateTenant', { readonly name: string; readonly description: string }>
  | Command<'SetTenantDisabled', { readonly disabled: boolean }>;

export type KnownTenant = {
  readonly status: 'enabled' | 'disabled';
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
};
export type TenantState = { readonly status: 'none' } | KnownTenant;
export type TenantRefusal = 'exists' | 'unknown' | 'invalid-name';

export const noTenant: TenantState = { status: 'none' };
export const tenantStream = (name: string): string => `tenant-${name}`;

export function decideTenant({ type, at, data }: TenantCommand, state: TenantState): Decision<TenantEvent, TenantRefusal> {
  switch (type) {
    case 'CreateTenant': {
      const bad = badTenantName(data.name);
      if (bad !== undefined) return refuse('invalid-name', bad);
      if (state.status !== 'none') return refuse('exists', `there is a tenant ${data.name} already`);
      return accept({ type: 'TenantCreated', data: { ...data, at } });
    }
    case 'SetTenantDisabled': {
      if (state.status === 'none') return refuse('unknown', 'there is no such tenant');
      if (data.disabled === (state.status === 'disabled')) return accept();
      return accept({ type: data.disabled ? 'TenantDisabled' : 'TenantEnabled', data: { at } });
    }
    default:
      return type satisfies never;
  }
}

export function evolveTenant(state: TenantState, { type, data }: TenantEvent): TenantState {
  if (type === 'TenantCreated') return { status: 'enabled', name: data.name, description: data.description, createdAt: data.at };
  if (state.status === 'none') return state;
  return { ...state, status: type === 'TenantDisabled' ? 'disabled' : 'enabled' };
}

export const tenantDecider: Decider<TenantCommand, TenantEvent, TenantState, TenantRefusal> = {
  initial: noTenant,
  decide: decideTenant,
  evolve: evolveTenant,
};

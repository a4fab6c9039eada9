/** A user of a tenant, with the role in which it may act. Stream `user-<tenant>/<name>`. */
import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { Command, Event } from './event.ts';
import { badUserName } from './names.ts';
import type { Role } from './roles.ts';

export type UserEvent =
  | Event<'UserCreated', { readonly tenant: string; readonly name: string; readonly role: Role }>
  | Event<'UserRoleChanged', { readonly role: Role }>
  | Event<'UserDisabled', object>
  | Event<'UserEnabled', object>;

export type UserCommand =
  | Command<'CreateUser', { readonly tenant: string; readonly name: string; readonly role: Role }>
  | Command<'ChangeUser', { readonly role?: Role | undefined; readonly disabled?: boolean | undefined }>;

export type KnownUser = {
  readonly status: 'enabled' | 'disabled';
  readonly tenant: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
};
export type UserState = { readonly status: 'none' } | KnownUser;
export type UserRefusal = 'exists' | 'unknown' | 'invalid-name';

export const noUser: UserState = { status: 'none' };
export const userStream = (tenant: string, name: string): string => `user-${tenant}/${name}`;

export function decideUser({ type, at, data }: UserCommand, state: UserState): Decision<UserEvent, UserRefusal> {
  switch (type) {
    case 'CreateUser': {
      const bad = badUserName(data.name);
      if (bad !== undefined) return refuse('invalid-name', bad);
      if (state.status !== 'none') return refuse('exists', `${data.tenant} has a user ${data.name} already`);
      return accept({ type: 'UserCreated', data: { ...data, at } });
    }
    case 'ChangeUser': {
      if (state.status === 'none') return refuse('unknown', 'there is no such user');
      const { role = state.role, disabled = state.status === 'disabled' } = data;
      const events: UserEvent[] = [];
      if (role !== state.role) events.push({ type: 'UserRoleChanged', data: { role, at } });
      if (disabled !== (state.status === 'disabled')) events.push({ type: disabled ? 'UserDisabled' : 'UserEnabled', data: { at } });
      return accept(...events);
    }
    default:
      return type satisfies never;
  }
}

export function evolveUser(state: UserState, { type, data }: UserEvent): UserState {
  if (type === 'UserCreated') return { status: 'enabled', tenant: data.tenant, name: data.name, role: data.role, createdAt: data.at };
  if (state.status === 'none') return state;
  if (type === 'UserRoleChanged') return { ...state, role: data.role };
  return { ...state, status: type === 'UserDisabled' ? 'disabled' : 'enabled' };
}

export const userDecider: Decider<UserCommand, UserEvent, UserState, UserRefusal> = {
  initial: noUser,
  decide: decideUser,
  evolve: evolveUser,
};

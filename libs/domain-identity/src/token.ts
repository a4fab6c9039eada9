/**
 * An API token: a secret of 256 random bits, of which the log holds only the SHA-256. That many bits cannot be guessed, so the hash needs neither
 * salt nor a slow function, and finding a token by its hash takes one look. Stream `token-<id>`.
 */
import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { Command, Event } from './event.ts';
import type { Role } from './roles.ts';

export interface TokenFacts {
  /** SHA-256 of the secret: 64 hexadecimal digits. */
  readonly secretHash: string;
  readonly tenant: string;
  readonly user: string;
  /** The most that it may do. */
  readonly role: Role;
  readonly description: string;
  /** Milliseconds since 1970; it does not expire when absent. */
  readonly expiresAt?: number | undefined;
  readonly createdBy: string;
}

export type TokenEvent = Event<'TokenIssued', TokenFacts> | Event<'TokenRevoked', { readonly by: string; readonly reason: string }>;

export type TokenCommand = Command<'IssueToken', TokenFacts> | Command<'RevokeToken', { readonly by: string; readonly reason: string }>;

export type KnownToken = TokenFacts & { readonly status: 'issued' | 'revoked'; readonly createdAt: number; readonly revokedAt?: number };
export type TokenState = { readonly status: 'none' } | KnownToken;
export type TokenRefusal = 'exists' | 'unknown' | 'bad-hash' | 'expired';

export const noToken: TokenState = { status: 'none' };
const hashPattern = /^[0-9a-f]{64}$/;

export function decideToken({ type, at, data }: TokenCommand, state: TokenState): Decision<TokenEvent, TokenRefusal> {
  switch (type) {
    case 'IssueToken':
      if (state.status !== 'none') return refuse('exists', 'there is such a token already');
      if (!hashPattern.test(data.secretHash)) return refuse('bad-hash', 'the hash of a token is a SHA-256, 64 hexadecimal digits');
      if (data.expiresAt !== undefined && data.expiresAt <= at) return refuse('expired', 'the token would have expired before it is made');
      return accept({ type: 'TokenIssued', data: { ...data, at } });
    case 'RevokeToken':
      if (state.status === 'none') return refuse('unknown', 'there is no such token');
      if (state.status === 'revoked') return accept();
      return accept({ type: 'TokenRevoked', data: { ...data, at } });
    default:
      return type satisfies never;
  }
}

export function evolveToken(state: TokenState, { type, data }: TokenEvent): TokenState {
  if (type === 'TokenIssued') {
    const { at, ...facts } = data;
    return { status: 'issued', ...facts, createdAt: at };
  }
  return state.status === 'none' ? state : { ...state, status: 'revoked', revokedAt: data.at };
}

export const tokenDecider: Decider<TokenCommand, TokenEvent, TokenState, TokenRefusal> = {
  initial: noToken,
  decide: decideToken,
  evolve: evolveToken,
};

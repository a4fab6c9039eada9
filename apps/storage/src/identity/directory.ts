/** Everybody who may use the cluster, folded from the log: tenants, users, and tokens by the hash of their secret. */
import {
  defaultTenant,
  identityTenant,
  noTenant,
  noToken,
  noUser,
  tenantDecider,
  tenantStream,
  tokenDecider,
  userDecider,
  userStream,
  type KnownTenant,
  type KnownToken,
  type KnownUser,
  type TenantCommand,
  type TenantEvent,
  type TenantState,
  type TokenCommand,
  type TokenEvent,
  type TokenState,
  type UserCommand,
  type UserEvent,
  type UserState,
} from '@verbena/domain-identity';
import { handle, runProjection, type EventStore, type Handled, type ProjectionRunner, type RecordedEvent } from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';

interface Folded {
  readonly tenants: Map<string, TenantState>;
  readonly users: Map<string, UserState>;
  readonly tokens: Map<string, TokenState>;
  /** Token id by the hash of its secret. */
  readonly byHash: Map<string, string>;
}

const types = [
  ...['TenantCreated', 'TenantDisabled', 'TenantEnabled'],
  ...['UserCreated', 'UserRoleChanged', 'UserDisabled', 'UserEnabled'],
  ...['TokenIssued', 'TokenRevoked'],
];

/** The tenant of a cluster that has never been told of any. */
const implicitTenant: KnownTenant = { status: 'enabled', name: defaultTenant, description: '', createdAt: 0 };

export class Directory {
  readonly #store: EventStore;
  readonly #runner: ProjectionRunner<Folded>;
  readonly #onChange: () => void;

  private constructor(store: EventStore, runner: ProjectionRunner<Folded>, onChange: () => void) {
    this.#store = store;
    this.#runner = runner;
    this.#onChange = onChange;
  }

  /** @param onChange told after every change that this directory made */
  static async open(store: EventStore, onChange: () => void): Promise<Directory> {
    const initial: Folded = { tenants: new Map(), users: new Map(), tokens: new Map(), byHash: new Map() };
    return new Directory(store, await runProjection(store, { name: 'identity', initial, filter: { types }, evolve }), onChange);
  }

  tenants(): readonly KnownTenant[] {
    const known = [...this.#runner.state.tenants.values()].filter((tenant) => tenant.status !== 'none');
    return known.some(({ name }) => name === defaultTenant) ? known : [implicitTenant, ...known];
  }

  users(tenant: string): readonly KnownUser[] {
    return [...this.#runner.state.users.values()].filter((user) => user.status !== 'none').filter((user) => user.tenant === tenant);
  }

  tokens(): readonly (KnownToken & { readonly id: string })[] {
    return [...this.#runner.state.tokens].flatMap(([id, token]) => (token.status === 'none' ? [] : [{ id, ...token }]));
  }

  tenant(name: string): TenantState {
    return this.#runner.state.tenants.get(tenantStream(name)) ?? (name === defaultTenant ? implicitTenant : noTenant);
  }

  user(tenant: string, name: string): UserState {
    return this.#runner.state.users.get(userStream(tenant, name)) ?? noUser;
  }

  token(id: string): TokenState {
    return this.#runner.state.tokens.get(id) ?? noToken;
  }

  /** The token whose secret has this hash; what is not known yet is looked for in the newest of the log before it is given up. */
  async tokenOfHash(hash: string): Promise<{ id: string; state: TokenState }> {
    if (!this.#runner.state.byHash.has(hash)) await this.#runner.reached(await this.#store.head());
    const id = this.#runner.state.byHash.get(hash);
    return id === undefined ? { id: '', state: noToken } : { id, state: this.token(id) };
  }

  executeTenant(name: string, command: TenantCommand, commandId?: string) {
    return this.#execute(handle(this.#store, tenantDecider, tenantStream), name, command, commandId);
  }

  executeUser(tenant: string, name: string, command: UserCommand, commandId?: string) {
    const handler = handle(this.#store, userDecider, () => userStream(tenant, name));
    return this.#execute(handler, name, command, commandId);
  }

  executeToken(id: string, command: TokenCommand, commandId?: string) {
    return this.#execute(
      handle(this.#store, tokenDecider, (token: string) => token),
      id,
      command,
      commandId,
    );
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }

  /** Decides and appends on behalf of the caller, and resolves when the directory shows it. */
  async #execute<C, E extends TenantEvent | UserEvent | TokenEvent, S, R extends string>(
    handler: { execute(id: string, command: C, options: object): Promise<Handled<E, S, R>> },
    id: string,
    command: C,
    commandId: string | undefined,
  ): Promise<Handled<E, S, R>> {
    const traceparent = currentTraceparent();
    const metadata = { actor: callContext().actor, tenant: identityTenant, ...(traceparent !== undefined && { traceparent }) };
    const result = await handler.execute(id, command, { metadata, ...(commandId !== undefined && { commandId }) });
    if (!result.ok) return result;
    await this.#runner.reached(result.recorded.at(-1)?.position ?? 0n);
    if (result.recorded.length > 0 && !result.repeated) this.#onChange();
    return result;
  }
}

function evolve(folded: Folded, { stream, event }: RecordedEvent): Folded {
  const { tenants, users, tokens, byHash } = folded;
  if (stream.startsWith('tenant-')) tenants.set(stream, tenantDecider.evolve(tenants.get(stream) ?? noTenant, event as TenantEvent));
  if (stream.startsWith('user-')) users.set(stream, userDecider.evolve(users.get(stream) ?? noUser, event as UserEvent));
  if (stream.startsWith('token-')) {
    const token = tokenDecider.evolve(tokens.get(stream) ?? noToken, event as TokenEvent);
    tokens.set(stream, token);
    if (token.status !== 'none') byHash.set(token.secretHash, stream);
  }
  return folded;
}

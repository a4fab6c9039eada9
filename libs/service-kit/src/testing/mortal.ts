/**
 * A life of a service that may end at any moment, as by kill -9: what it has sent is sent, what it would do next it does not, and nobody is
 * told. Its moments are those around each append and around each call.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { EventStore } from '@verbena/event-sourcing';
import type { Bus, Served } from '@verbena/messaging';

/** Called at each moment; a true ends the life there. */
export type Fate = (moment: string) => boolean;

export interface Mortal {
  readonly bus: Bus;
  readonly store: EventStore;
  readonly dead: boolean;
  /** Every moment so far. */
  readonly moments: readonly string[];
  die(): void;
  /** Nobody reaches it any more; it goes on. */
  deafen(): void;
}

/** The same methods; what is not answered yet when the promise rejects is not answered any more. */
function cutOff(
  methods: Record<string, (...inner: unknown[]) => unknown>,
  death: Promise<never>,
): Record<string, (...inner: unknown[]) => unknown> {
  const cut =
    (method: (...inner: unknown[]) => unknown) =>
    (...inner: unknown[]) => {
      const answer = method(...inner);
      return answer instanceof Promise ? Promise.race([answer, death]) : answer;
    };
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, cut(method)]));
}

const streams: ReadonlySet<string> = new Set(['distribute', 'watchJob', 'precopy']);
const forever = new Promise<never>(() => undefined);

export function mortal(bus: Bus, store: EventStore, fate: Fate): Mortal {
  const moments: string[] = [];
  const served: Served[] = [];
  let dead = false;
  const death = Promise.withResolvers<never>();
  death.promise.catch(() => undefined);
  const die = (): void => {
    dead = true;
    // Its subscriptions go with it, and the connections of those that it was answering.
    death.reject(new ConnectError('the connection was lost', Code.Unavailable));
    for (const one of served) void one.stop();
  };
  const moment = (what: string): Promise<void> | undefined => {
    if (dead) return forever;
    moments.push(what);
    if (!fate(what)) return undefined;
    die();
    return forever;
  };
  const around = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
    await moment(`before ${what}`);
    const result = await run().catch(async (error: unknown) => {
      if (dead) await forever;
      throw error;
    });
    await moment(`after ${what}`);
    return result;
  };
  const mortalBus = new Proxy(bus, {
    get(target, name) {
      if (name === 'client')
        return (...args: Parameters<Bus['client']>) => {
          const client = target.client(...args) as Record<string, (...inner: unknown[]) => unknown>;
          return new Proxy(client, {
            get: (methods, method: string) => (request: unknown, options: unknown) => {
              // Streams die with their reader.
              if (streams.has(method)) return dead ? forever : methods[method]?.(request, options);
              return around(`${method}`, () => methods[method]?.(request, options) as Promise<unknown>);
            },
          });
        };
      if (name === 'serve')
        return async (service: DescService, methods: Record<string, (...inner: unknown[]) => unknown>, address?: string) => {
          const one = await target.serve(service, cutOff(methods, death.promise) as ServiceImpl<DescService>, address);
          served.push(one);
          return one;
        };
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const mortalStore: EventStore = {
    append: (appends, options) =>
      around(`append ${appends.flatMap(({ events }) => events.map(({ type }) => type)).join('+')}`, () => store.append(appends, options)),
    findCommand: (commandId) => (dead ? forever : store.findCommand(commandId)),
    readStream: (stream, from) => (dead ? forever : store.readStream(stream, from)),
    readAll: (options) => (dead ? forever : store.readAll(options)),
    follow: (options) => store.follow(options),
    head: () => (dead ? forever : store.head()),
    kept: (model) => (dead ? forever : store.kept(model)),
    close: () => Promise.resolve(),
  };
  return {
    bus: mortalBus,
    store: mortalStore,
    moments,
    get dead() {
      return dead;
    },
    die,
    deafen: () => served.forEach((one) => void one.stop()),
  };
}

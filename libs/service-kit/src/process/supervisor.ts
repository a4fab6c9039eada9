/**
 * The channel to the process that has started this one, where that is `verbena up --processes` or a test: Node's IPC, descriptor NODE_CHANNEL_FD.
 * We say when we serve and where; when the channel closes, our parent is gone, however it went, and we drain as if we had been told to.
 */

/** Sent once, when the service serves. */
export interface ServingMessage {
  readonly type: 'serving';
  readonly service: string;
  /** Where things are: "health" is the health endpoint, "url" a gateway's. */
  readonly facts: Readonly<Record<string, string>>;
}

export function isServingMessage(message: unknown): message is ServingMessage {
  const { type, facts } = (message ?? {}) as Partial<ServingMessage>;
  return type === 'serving' && typeof facts === 'object';
}

export interface SupervisorLink {
  serving(service: string, facts: Readonly<Record<string, string>>): void;
}

/** @param onGone called when the parent has gone; never when nobody supervises us. */
export function supervisorLink(onGone: () => void): SupervisorLink {
  if (process.send === undefined) return { serving: () => undefined };
  process.once('disconnect', onGone);
  return {
    serving: (service, facts) => {
      const message: ServingMessage = { type: 'serving', service, facts };
      // The parent may go at any moment, which the disconnect tells.
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
  };
}

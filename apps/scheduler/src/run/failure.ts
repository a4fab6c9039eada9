import { Code, ConnectError } from '@connectrpc/connect';
import type { EndCause } from '@verbena/domain-job';
import { EventStoreError } from '@verbena/event-sourcing';

/** Why a step of a job failed for good, in the terms of the job's end. */
export class StepFailure extends Error {
  readonly endCause: EndCause;

  constructor(endCause: EndCause, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StepFailure';
    this.endCause = endCause;
  }
}

/** Nodes of the placement do not answer: the job is better placed on others. */
export class NodesSilent extends Error {
  readonly nodeIds: readonly string[];

  constructor(nodeIds: readonly string[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NodesSilent';
    this.nodeIds = nodeIds;
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof ConnectError) return error.rawMessage;
  return error instanceof Error ? error.message : String(error);
}

/** Whether what was asked may be granted when it is asked again: somebody is away, slow or full. */
export function mayPass(error: unknown): boolean {
  if (error instanceof StepFailure || error instanceof NodesSilent) return false;
  if (error instanceof EventStoreError) return error.problem !== 'failed';
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.DeadlineExceeded || code === Code.ResourceExhausted;
}

/** For people: who is waited for. */
export const waitReasons: Readonly<Record<string, string>> = {
  match: 'waits: the image manager does not answer',
  distribute: 'waits: the image cannot be brought to the nodes yet',
  boot: 'waits: a VM does not boot yet',
  connect: 'waits: the ranks cannot be started yet',
  stop: 'ends: a node does not answer',
  collect: 'ends: storage does not answer',
};

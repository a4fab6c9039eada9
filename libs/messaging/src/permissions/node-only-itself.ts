import { Code, ConnectError } from '@connectrpc/connect';
import { callContext } from '../call-context.ts';

/**
 * Refuses a node-agent that speaks for another node: its credentials prove which one it is. Other callers, and a bus whose services have no names,
 * pass.
 * @throws {ConnectError} PERMISSION_DENIED
 */
export function nodeOnlyItself(nodeId: string): void {
  const { caller } = callContext();
  if (caller?.service === 'node-agent' && caller.instance !== nodeId)
    throw new ConnectError(`node ${String(caller.instance)} may not speak for node ${nodeId}`, Code.PermissionDenied);
}

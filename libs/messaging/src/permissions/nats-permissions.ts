/** The subjects that one caller may publish to and listen on; the server refuses every other one. */
import type { Caller } from '../caller.ts';
import { callerTokens, serviceSubjects } from '../nats/layout.ts';
import { partOf, servedByInstance } from './table.ts';

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** @throws {RangeError} for a service that is not in the table, or an instance of one that has none */
export function natsPermissions(caller: Caller, prefix = 'verbena'): NatsPermissions {
  const part = partOf(caller.service);
  if (part === undefined) throw new RangeError(`there is no service ${JSON.stringify(caller.service)} in the table of the bus`);
  if ((part.byInstance === true) !== (caller.instance !== undefined))
    throw new RangeError(`${caller.service} ${part.byInstance === true ? 'needs' : 'has no'} instances of its own`);
  const me = callerTokens(caller);
  const publish: string[] = [];
  const subscribe = [`${prefix}.re.*.*.${me}.*.*`];
  for (const { service, methods } of part.calls) {
    // A service with instances may be called at any of them; one without has a single name.
    const at = serviceSubjects(prefix, service.typeName, undefined, servedByInstance(service));
    for (const method of methods) publish.push(at.call(method.name, me));
    publish.push(`${at.control('*')}${me}.*.*`);
  }
  for (const service of part.serves) {
    const own = serviceSubjects(prefix, service.typeName, caller.instance);
    publish.push(`${own.answers}>`);
    subscribe.push(own.calls, `${own.control('*')}*.*.*.*`);
  }
  for (const subject of part.publishes ?? []) publish.push(`${prefix}.note.${subject}`);
  for (const subject of part.hears ?? []) subscribe.push(`${prefix}.note.${subject}`);
  return { publish, subscribe };
}

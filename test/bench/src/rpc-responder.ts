/** The other side of the figures of the bus: a process that answers the same bytes, over the bus and as a plain subscriber. */
import { connect } from '@nats-io/transport-node';
import { createNatsBus } from '@verbena/messaging';
import { echoService } from '@verbena/messaging/testing';

const [servers = '', subject = ''] = process.argv.slice(2);
const bus = await createNatsBus({ servers, caller: { service: 'responder' } });
await bus.serve(echoService, { one: (ping: unknown) => ping } as never);
const plain = await connect({ servers });
plain.subscribe(subject, { callback: (_error, message) => void message.respond(message.data) });
await plain.flush();
process.send?.('ready');
process.once('disconnect', () => process.exit(0));

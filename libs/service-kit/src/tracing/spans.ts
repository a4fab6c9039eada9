/**
 * Every span of Verbena beside those of calls, whose names are their methods' and follow from the contracts. A name or an attribute that is not
 * here does not compile, and docs/telemetry.md lists the same (a spec compares the two). Names are of low cardinality: what varies is an attribute.
 */
import type { AttributeValue } from '@opentelemetry/api';

export const spans = {
  'verbena run': { service: 'verbena-cli', about: 'the command, from its start to its exit' },
  'verbena submit': { service: 'verbena-cli', about: 'the command, from its start to its exit' },
  'submit job': { service: 'scheduler', about: 'a submission is checked, matched with an image and written to the log' },
  'run job': { service: 'scheduler', about: 'one life of a job, from its submission (or the scheduler’s start) to its end' },
  'match image': { service: 'scheduler', about: 'the image is asked for, when nobody could say at the submission' },
  'wait in queue': { service: 'scheduler', about: 'until the job is placed' },
  'distribute image': { service: 'scheduler', about: 'idle VMs in the way are destroyed, the image is brought to the nodes' },
  'boot VMs': { service: 'scheduler', about: 'the VMs that are new' },
  'run ranks': {
    service: 'scheduler',
    about: 'from when all ranks are started to the decision that the job ends; none where that came first',
  },
  'end job': { service: 'scheduler', about: 'what is left is stopped, the output sealed, the claims given back' },
  distribute: { service: 'image-manager', about: 'one distribution of an image over a tree of nodes' },
  'prepare image': { service: 'node-agent', about: 'a node gets an image, and serves those below it' },
  'serve node': { service: 'node-agent', about: 'one edge of the tree: the chunks that a child lacks are sent to it' },
  'boot VM': { service: 'node-agent', about: 'one VM, from its place on the node to ready' },
  'run rank': { service: 'node-agent', about: 'one rank’s program, until its output and files are kept' },
  'write output': { service: 'node-agent', about: 'a batch of output on its way to storage; linked with the ranks that wrote it' },
  'migrate VM': { service: 'migration-controller', about: 'one life of a migration, from its start (or the controller’s) to its end' },
  'checkpoint job': { service: 'migration-controller', about: 'one life of a checkpoint, from its start (or the controller’s) to its end' },
  'do step': { service: 'migration-controller', about: 'one step of a migration or a checkpoint, with its repetitions' },
  'undo step': { service: 'migration-controller', about: 'a step of a migration or a checkpoint is taken back' },
  'append events': { service: 'whoever appends', about: 'one append, with its wait for the commit' },
  'commit events': { service: 'whoever appends', about: 'one transaction of the event log, a trace of its own; linked with its appends' },
} as const satisfies Record<string, { readonly service: string; readonly about: string }>;

export type SpanName = keyof typeof spans;

/** Our own attributes, and those of OpenTelemetry's semantic conventions that spans outside of calls carry. */
export const attributes = {
  'verbena.job.id': 'string',
  'verbena.vm.id': 'string',
  'verbena.node.id': 'string',
  'verbena.rank': 'number',
  'verbena.image.digest': 'string',
  'verbena.migration.id': 'string',
  'verbena.migration.step': 'string',
  'verbena.checkpoint.id': 'string',
  'verbena.checkpoint.step': 'string',
  'verbena.distribution.id': 'string',
  'verbena.distribution.nodes': 'number',
  'verbena.distribution.round': 'number',
  'verbena.distribution.bytes': 'number',
  'verbena.distribution.chunks': 'number',
  'verbena.output.bytes': 'number',
  'verbena.output.pieces': 'number',
  'verbena.exit.cause': 'string',
  'verbena.vm.boot.seconds': 'number',
  'verbena.stream': 'string',
  'verbena.tenant': 'string',
  'verbena.events': 'number',
  'process.exit.code': 'number',
  'db.system.name': 'string',
  'db.operation.name': 'string',
  'db.operation.batch.size': 'number',
  'db.namespace': 'string',
  'error.type': 'string',
} as const satisfies Record<string, 'string' | 'number'>;

export type SpanAttributes = { readonly [Name in keyof typeof attributes]?: AttributeValue };

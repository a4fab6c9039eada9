/**
 * Every metric of Verbena, as a table: nothing is measured that is not declared here, and docs/telemetry.md lists the same names (a spec compares
 * the two). Names and units follow the conventions of Prometheus: base units, `_total` for what only grows, labels with few values.
 *
 * A `node` label names the node-agent that measures, since the embedded cluster has several in one process.
 */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricDeclaration<Label extends string = string> {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: readonly Label[];
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[];
  /** Most label sets; what comes beyond is counted together under "other". */
  readonly mostSets?: number;
}

/** From a tenth of a millisecond, which a call within the process takes, to the deadline of a long one. */
const callSeconds = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];
const workSeconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3600];
const counts = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

function counter<L extends string>(name: string, help: string, ...labels: L[]) {
  return { name, kind: 'counter', help, labels } as const satisfies MetricDeclaration<L>;
}
function gauge<L extends string>(name: string, help: string, ...labels: L[]) {
  return { name, kind: 'gauge', help, labels } as const satisfies MetricDeclaration<L>;
}
function histogram<L extends string>(name: string, help: string, buckets: readonly number[], ...labels: L[]) {
  return { name, kind: 'histogram', help, labels, buckets } as const satisfies MetricDeclaration<L>;
}

export const metric = {
  /** Calls that a service has answered over the bus. */
  rpcSeconds: histogram('verbena_rpc_server_seconds', 'Time to answer a call over the bus.', callSeconds, 'service', 'method', 'code'),
  requestSeconds: histogram(
    'verbena_gateway_request_seconds',
    'Time to answer a request from outside; streams count until their end.',
    callSeconds,
    'service',
    'method',
    'code',
  ),
  gatewayConnections: gauge('verbena_gateway_connections', 'Connections of callers outside.'),
  gatewayHeldBytes: gauge('verbena_gateway_held_bytes', 'Bytes of requests that the gateway holds.'),
  gatewayTurnedAway: counter(
    'verbena_gateway_turned_away_total',
    'Clients that were let go: connections beyond the limit, requests and streams whose client stood still.',
    'reason',
  ),
  gatewayStreams: gauge('verbena_gateway_streams', 'Streams to callers outside that are open.'),

  jobs: gauge('verbena_jobs', 'Jobs that the scheduler knows, by state.', 'state'),
  queueLength: gauge('verbena_queue_length', 'Jobs that wait for a place.'),
  jobsSubmitted: counter('verbena_jobs_submitted_total', 'Jobs accepted.'),
  jobsEnded: counter('verbena_jobs_ended_total', 'Jobs that have ended, by cause.', 'cause'),
  jobSeconds: histogram('verbena_job_seconds', 'Time from submission to end.', workSeconds),
  nodes: gauge('verbena_nodes', 'Nodes that the scheduler knows, by state.', 'state'),
  vms: gauge('verbena_vms', 'Virtual machines in the scheduler’s map, by state.', 'state'),

  vmBootSeconds: histogram('verbena_vm_boot_seconds', 'Time to boot a virtual machine, by outcome.', callSeconds, 'node', 'outcome'),
  nodeVms: gauge('verbena_node_vms', 'Virtual machines of a node, by phase.', 'node', 'phase'),
  ranksRunning: gauge('verbena_node_ranks', 'Ranks that run on a node.', 'node'),
  ranksEnded: counter('verbena_node_ranks_ended_total', 'Ranks that have ended on a node, by cause.', 'node', 'cause'),
  adapterBytes: counter('verbena_adapter_bytes_total', 'Payload bytes that the node’s adapter has moved.', 'node', 'direction'),
  adapterMessages: counter('verbena_adapter_messages_total', 'Messages that the node’s adapter has moved.', 'node', 'direction'),
  adapterErrors: counter('verbena_adapter_errors_total', 'Errors that the node’s adapter has counted.', 'node', 'kind'),
  portCounters: counter('verbena_port_counter_total', 'Counters of the node’s port by their InfiniBand names.', 'node', 'counter'),
  outputBytes: counter('verbena_node_output_bytes_total', 'Bytes of output that ranks have written.', 'node'),
  imageCacheBytes: gauge('verbena_image_cache_bytes', 'Bytes of the images in a node’s cache.', 'node'),
  imageCacheImages: gauge('verbena_image_cache_images', 'Complete images in a node’s cache.', 'node'),
  imageCacheLookups: counter('verbena_image_cache_lookups_total', 'Images asked of a node’s cache, by outcome.', 'node', 'outcome'),

  distributions: counter('verbena_distributions_total', 'Distributions of images that have ended, by outcome.', 'outcome'),
  distributionBytes: counter('verbena_distribution_bytes_total', 'Bytes that distributions have carried to nodes.'),
  distributionRounds: histogram('verbena_distribution_rounds', 'Rounds of a distribution.', [0, 1, 2, 3, 4, 5, 6, 8, 10]),
  distributionSeconds: histogram('verbena_distribution_seconds', 'Time of a distribution.', workSeconds),

  chunkStoreBytes: gauge('verbena_chunk_store_bytes', 'Bytes in the chunk store of storage.'),
  chunkStoreChunks: gauge('verbena_chunk_store_chunks', 'Chunks in the chunk store of storage.'),

  eventAppends: counter('verbena_event_appends_total', 'Appends to the event log, by outcome.', 'outcome'),
  eventsAppended: counter('verbena_events_appended_total', 'Events appended to the event log.'),
  eventBatch: histogram('verbena_event_batch_appends', 'Appends in one commit to the event log.', counts),
  eventCommitSeconds: histogram('verbena_event_commit_seconds', 'Time of one commit to the event log.', callSeconds),
  projectionPosition: gauge('verbena_projection_position', 'Position up to which a projection has read.', 'projection'),
  projectionLag: gauge('verbena_projection_lag_events', 'Positions by which a projection is behind the log.', 'projection'),
  postgresConnections: gauge('verbena_postgres_connections', 'Connections to Postgres, by state.', 'state'),
  postgresWaiting: gauge('verbena_postgres_waiting', 'Callers that wait for a connection to Postgres.'),

  busConnected: gauge('verbena_bus_connected', 'Whether the bus is connected: 1 or 0.'),
  busReconnects: counter('verbena_bus_reconnects_total', 'Times that the connection to the bus was lost and made again.'),

  spansDropped: counter('verbena_telemetry_spans_dropped_total', 'Spans that were not exported, by reason.', 'reason'),
  labelSetsFolded: counter(
    'verbena_telemetry_label_sets_folded_total',
    'Values counted under "other", since a metric had too many label sets.',
    'metric',
  ),
} as const;

export const catalogue: readonly MetricDeclaration[] = Object.values(metric);

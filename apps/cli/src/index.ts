/** The verbena command, and verbena up, which runs every service in one process. */
export { startCluster, type ClusterOptions, type RunningCluster } from './up/cluster.ts';
export { startProcessCluster, type ProcessClusterOptions, type RunningProcessCluster } from './up/processes/cluster.ts';
export { findNatsServer } from './up/processes/nats-server.ts';
export type { SupervisedProcess } from './up/processes/supervised.ts';

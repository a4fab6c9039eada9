/** The verbena command, and verbena up, which runs every service in one process. */
export { MovingJob, type Moved, type MoveWish } from './bench/moving-job.ts';
export { startCluster, type ClusterOptions, type RunningCluster } from './up/cluster.ts';
export { startProcessCluster, type ProcessClusterOptions, type RunningProcessCluster } from './up/processes/cluster.ts';
export { findNatsServer } from './up/processes/nats-server.ts';
export type { SupervisedProcess } from './up/processes/supervised.ts';

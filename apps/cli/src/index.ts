/** The verbena command, and verbena up, which runs every service in one process. */
export { startCluster, type ClusterOptions, type RunningCluster } from './up/cluster.ts';

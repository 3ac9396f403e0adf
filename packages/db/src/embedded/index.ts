export { startCluster, type Cluster, type ClusterOptions } from './cluster.ts';
export { startGuard, type Guard } from './guard.ts';

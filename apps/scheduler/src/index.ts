/** The management module: queue, matchmaking, placement, the map of VMs to nodes. */
export {};

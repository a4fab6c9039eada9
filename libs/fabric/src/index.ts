/** The subnet: LIDs, GUIDs, partitions, and the links between adapters. */
export {};

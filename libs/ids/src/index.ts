/** Branded identifiers: JobId, NodeId, VmId, ImageId .... */
export {};

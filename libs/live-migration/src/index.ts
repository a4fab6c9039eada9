/** Moving and saving the memory of a guest: dirty pages, their encodings, bandwidth, convergence, and the snapshot container. */
export { BadStream } from './errors.ts';
export { DirtyPages, pageBytes, type Cluster, type KeepCopy } from './pages.ts';
export {
  applyRecords,
  encodeCluster,
  pageRecord,
  RecordReader,
  recordKind,
  recordLimit,
  type EncodeOptions,
  type Grow,
} from './records.ts';
export { CapturedMemory, longestList, regionBytes, restoreRegions, type Increment, type RegionLists } from './captured-memory.ts';
export { chunksOf, decodeIndex, encodeIndex, type IndexedFile, type SnapshotIndex } from './snapshot-index.ts';
export { TokenBucket } from './bandwidth.ts';
export { nextStep, type ConvergencePolicy, type Next, type RoundDone } from './convergence.ts';
export { encodeSnapshot, SnapshotReader, snapshotVersion, type SnapshotFile, type SnapshotSink } from './snapshot.ts';

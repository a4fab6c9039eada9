export {
  bytesReceived,
  distributionDecider,
  evolveDistribution,
  noDistribution,
  outstanding,
  type DistributionCommand,
  type DistributionRefusal,
  type DistributionState,
} from './distribution.ts';
export type { ChunkRef, DistributionEvent, ImageContent, ImageEvent, ImageVersion } from './events.ts';
export { badImageName, readImageRef, type ImageRef } from './image-name.ts';
export {
  evolveImage,
  imageDecider,
  noImage,
  sameContent,
  type ImageCommand,
  type ImageRefusal,
  type ImageState,
  type StoredVersion,
} from './image.ts';
export { nodesOf, planTrees, roundsFor, type TreeNode } from './tree.ts';

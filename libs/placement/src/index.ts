export type { ClusterView, IdleVm, JobShape, PlacedVm, PlacementNode, PlacementResult } from './cluster.ts';
export { matchImage, unmet, versionMeets, type ImageOffer, type ImageRequirements, type Match } from './matchmaking.ts';
export { place, type PlaceOptions } from './place.ts';
export { isPolicyName, policyNames, type PolicyName } from './policies.ts';
export { defaultCostModel, type CostModel } from './slots.ts';

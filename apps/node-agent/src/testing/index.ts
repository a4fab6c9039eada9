export { binomialTree, FakeCluster, request, type FakeEvent, type FakeImage } from './fake-cluster.ts';
export { FakeHypervisor, type FakeMachine, type FakeProgram } from './fake-hypervisor.ts';

/** One per host: joins hypervisor, adapter, fabric and image cache. It alone knows both the control plane and the machine plane. */
export { startNodeAgent, type NodeAgentOptions } from './agent.ts';
export { startMachines, type Machine, type MachineHost, type MachineOptions } from './machines.ts';
export { UnconnectedPort, type NodePort, type PeerPort } from './node-port.ts';

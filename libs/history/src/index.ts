export { clusterAt, entityAt, Moment } from './at.ts';
export { catalogue } from './catalogue.ts';
export { distributions, images, jobs, migrations, modelOf, models, nodes, vms, type KnownVm } from './models.ts';

/** Who may depend on whom. Read it as a table of rooms: each row lists the layers that its code may import. */
const rows = {
  util: ['util'],
  format: ['util', 'format'],
  contract: ['util', 'contract'],
  domain: ['util', 'domain'],
  adapter: ['util', 'format', 'contract', 'domain', 'adapter'],
  device: ['util', 'format', 'device'],
  guest: ['format', 'guest'],
  app: ['util', 'format', 'contract', 'domain', 'adapter', 'device', 'app'],
  test: ['util', 'format', 'contract', 'domain', 'adapter', 'device', 'app', 'test'],
};

export const layerRules = [
  ...Object.entries(rows).map(([layer, allowed]) => ({
    sourceTag: `layer:${layer}`,
    onlyDependOnLibsWithTags: allowed.map((name) => `layer:${name}`),
  })),
  // Only the node-agent (and the command line, which composes everything) knows both the control and the machine plane.
  { sourceTag: 'plane:control', notDependOnLibsWithTags: ['layer:device'] },
];

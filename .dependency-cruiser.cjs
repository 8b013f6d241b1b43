/** Who may import whom: ARCHITECTURE.md, "The house". */
const deny = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
/** Parts of the agent, and what each may import beside itself. */
const mayImport = {
  platform: [],
  mirror: ['agent/platform'],
  server: ['agent/platform', 'schemas'],
  arbiter: ['agent/core', 'agent/platform', 'schemas'],
  checks: ['agent/platform', 'schemas'],
  addresses: ['agent/platform', 'schemas'],
  fencing: ['agent/platform', 'agent/security', 'schemas'],
  host: ['schemas'],
  notify: ['schemas'],
  security: ['agent/platform'],
  config: ['agent/platform', 'schemas'],
  safekit: ['schemas'],
  api: ['agent/security', 'schemas'],
  explain: ['agent/arbiter', 'agent/checks', 'agent/config', 'agent/core', 'agent/mirror', 'agent/runtime', 'schemas'],
  witness: [
    'agent/arbiter',
    'agent/config',
    'agent/core',
    'agent/host',
    'agent/platform',
    'agent/runtime',
    'agent/security',
    'schemas',
  ],
};

module.exports = {
  forbidden: [
    deny('no-circular', 'Modules form layers.', {}, { circular: true }),
    deny(
      'schemas-alone',
      'The contract imports nothing.',
      { path: '^schemas/(?!generate)' },
      { path: '^(agent|extension|media|test)/' },
    ),
    deny(
      'core-pure',
      'The failover core imports schema types only.',
      { path: '^agent/core/' },
      { pathNot: '^(agent/core|schemas)/' },
    ),
    ...Object.entries(mayImport).map(([part, others]) =>
      deny(
        `agent-${part}`,
        'Which part of the agent may import which.',
        { path: `^agent/${part}/` },
        { path: '^(agent|extension|media|schemas|test)/', pathNot: `^(${[`agent/${part}`, ...others].join('|')})/` },
      ),
    ),
    deny(
      'composition-last',
      'Only agent.ts and the command line know every part.',
      { path: '^agent/(?!cli/|agent\\.ts$|main\\.ts$)' },
      { path: '^agent/(agent\\.ts|main\\.ts|cli/)' },
    ),
    deny('agent-extension-apart', 'They share the schemas only.', { path: '^agent/' }, { path: '^(extension|media)/' }),
    deny('extension-agent-apart', 'They share the schemas only.', { path: '^(extension|media)/' }, { path: '^agent/' }),
    deny(
      'no-vscode-in-pure-parts',
      'The language server, client and model run without an editor.',
      { path: '^extension/(client|model|language/server)/' },
      { path: '^vscode$|@types/vscode' },
    ),
    deny(
      'media-alone',
      'Panel pages see the DOM and the schemas.',
      { path: '^media/' },
      { path: '^(extension|agent|test)/' },
    ),
    deny(
      'no-test-in-production',
      'Tests import the product, never the reverse.',
      { path: '^(schemas|agent|extension|media)/' },
      { path: '^test/' },
    ),
    deny('resolvable', 'Every import resolves.', {}, { couldNotResolve: true, pathNot: '^vscode$' }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|generated)/|^esbuild\\.mjs$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

/** Who may import whom: ARCHITECTURE.md, "The house". */
const deny = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
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
    deny(
      'adapters-apart',
      'Adapters never import one another.',
      { path: '^agent/(arbiter|server|host|checks|mirror)/' },
      { path: '^agent/(arbiter|server|host|checks|mirror)/', pathNot: '^agent/$1/' },
    ),
    deny(
      'composition-last',
      'Only agent.ts and the command line know every part.',
      { path: '^agent/(core|arbiter|server|host|checks|mirror|platform|config|api)/' },
      { path: '^agent/(agent\\.ts|cli/)' },
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
    exclude: { path: '(^|/)(dist|node_modules|generated)/|^esbuild\\.mjs$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};

// Bundles every program of the product into dist/. `node esbuild.mjs [--watch] [--minify]`
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { build, context } from 'esbuild';

const options = new Set(process.argv.slice(2));
const common = {
  bundle: true,
  sourcemap: true,
  minify: options.has('--minify'),
  legalComments: 'linked',
  logLevel: 'warning',
  loader: { '.css': 'text', '.svg': 'text', '.ttf': 'file' },
};
const node = { ...common, platform: 'node', target: 'node20', mainFields: ['module', 'main'], conditions: ['node'] };
// Bundled CommonJS packages call require(); an ES module has to make one first.
const requireShim = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

/**
 * Leaves the generated validators and the library of WebSockets out of a program of CommonJS: they are half of it, and would be most of what it
 * takes to start. They lie beside it as programs of their own: validators are loaded with the first value that is checked, the library where
 * it is imported.
 */
const loadedLater = {
  name: 'loaded-later',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^ws$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './webSocket.cjs', external: true } : null,
    );
    onLoad({ filter: /[\\/]schemas[\\/]generated[\\/]\w+Validators\.js$/ }, async ({ path }) => {
      const declared = await readFile(path.replace(/\.js$/, '.d.ts'), 'utf8');
      const names = Array.from(declared.matchAll(/^export const (\w+): Validator;$/gm), ([, name]) => name);
      const contents = `
        const validator = (name) => {
          const later = (data) => {
            const own = require('./${basename(path, '.js')}.cjs')[name];
            const isValid = own(data);
            later.errors = own.errors;
            return isValid;
          };
          return later;
        };
        ${names.map((name) => `export const ${name} = /* @__PURE__ */ validator('${name}');`).join('\n')}`;
      return { contents, loader: 'js' };
    });
  },
};

export const targets = [
  {
    ...node,
    format: 'esm',
    // The agent, its mirror process and its worker threads are entry points of one bundle folder.
    entryPoints: {
      understudy: 'agent/main.ts',
      mirror: 'agent/mirror/process.ts',
      dispatcher: 'agent/mirror/mount/dispatcherWorker.ts',
      acknowledger: 'agent/mirror/link/ackWorker.ts',
      follower: 'agent/mirror/replica/followerWorker.ts',
    },
    outdir: 'dist/agent',
    outExtension: { '.js': '.mjs' },
    external: ['koffi'],
    banner: requireShim,
  },
  {
    ...node,
    format: 'esm',
    // What the editor runs as a process of its own: it shares nothing with the agent but its schemas.
    entryPoints: { import: 'agent/cli/importMain.ts' },
    outdir: 'dist/import',
    outExtension: { '.js': '.mjs' },
    banner: requireShim,
  },
  {
    ...node,
    format: 'esm',
    // A process of its own beside the editor: extension and agent share the schemas only.
    entryPoints: { explain: 'agent/explain/main.ts' },
    outdir: 'dist/explain',
    outExtension: { '.js': '.mjs' },
    banner: requireShim,
  },
  {
    ...node,
    format: 'cjs',
    entryPoints: {
      extension: 'extension/extension.ts',
      // Loaded with the first file of ours that is opened.
      languageClient: 'extension/language/newLanguageClient.ts',
      languageServer: 'extension/language/server/main.ts',
    },
    outdir: 'dist/extension',
    outExtension: { '.js': '.cjs' },
    external: ['vscode', './*Validators.cjs'],
    plugins: [loadedLater],
    // What is imported later is read as these programs themselves are, whatever the editor makes of modules.
    supported: { 'dynamic-import': false },
  },
  {
    ...node,
    format: 'cjs',
    entryPoints: {
      apiValidators: 'schemas/generated/apiValidators.js',
      fileValidators: 'schemas/generated/fileValidators.js',
      webSocket: 'ws',
    },
    outdir: 'dist/extension',
    outExtension: { '.js': '.cjs' },
  },
  {
    ...node,
    format: 'esm',
    // The same server for other editors: `understudy language-server` starts it.
    entryPoints: { languageServer: 'extension/language/server/main.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    banner: requireShim,
  },
  {
    ...common,
    platform: 'browser',
    target: 'chrome114',
    format: 'iife',
    entryPoints: {
      modulePanel: 'media/panels/modulePanel.ts',
      explainPanel: 'media/panels/explainPanel.ts',
      formPanel: 'media/panels/formPanel.ts',
    },
    outdir: 'dist/media',
  },
  {
    ...common,
    platform: 'browser',
    target: 'chrome114',
    // The page's policy allows no inline styles: they come as one file.
    entryPoints: {
      modulePanel: 'media/panels/modulePanel.css',
      explainPanel: 'media/panels/explainPanel.css',
      formPanel: 'media/panels/formPanel.css',
    },
    outdir: 'dist/media',
    loader: { '.css': 'css' },
  },
];

if (process.argv[1] === import.meta.filename) {
  if (options.has('--watch')) {
    for (const target of targets) await (await context(target)).watch();
  } else {
    for (const target of targets) await build(target);
  }
}

/** Versions of everything the editor tests and the demonstration download. The one place where they are pinned. */
export const vscodeVersions = {
  /** VS Code 1.139.1 as a server for browsers. */
  codeServer: '4.139.1',
  /** The Node.js that this code-server wants, independent of the one that runs the tests. */
  node: '24.21.0',
  /** Raised when the recipe of {@link installVscodeHost} changes, so that finished installations are made anew. */
  recipe: 2,
} as const;

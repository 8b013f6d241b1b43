/** The kinds of theme that everything has to look right in, by the names VS Code gives them. */
export const themes = [
  { name: 'Light 2026', kind: 'vscode-light', tag: 'light' },
  { name: 'Dark 2026', kind: 'vscode-dark', tag: 'dark' },
  { name: 'Dark High Contrast', kind: 'vscode-high-contrast', tag: 'high-contrast' },
] as const;

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** The page of a module panel. */
export function modulePanelHtml(webview: vscode.Webview, extensionUri: vscode.Uri): string {
  return panelHtml(webview, extensionUri, 'modulePanel', 'Understudy module');
}

/**
 * The page of a panel. Its policy allows the bundled script and style sheet and nothing else: no network, no evaluation,
 * no inline code. The nonce also covers the one style element that the component library makes for itself.
 * @param name of script and style sheet @param title plain words of this extension's own: it is not escaped
 */
export function panelHtml(webview: vscode.Webview, extensionUri: vscode.Uri, name: string, title: string): string {
  const nonce = randomBytes(16).toString('base64');
  const uri = (file: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist/media', file)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'nonce-${nonce}'`,
    `font-src ${webview.cspSource}`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta property="csp-nonce" content="${nonce}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${uri(`${name}.css`)}">
    <title>${title}</title>
  </head>
  <body>
    <main id="page" aria-busy="true"></main>
    <script nonce="${nonce}" src="${uri(`${name}.js`)}"></script>
  </body>
</html>`;
}

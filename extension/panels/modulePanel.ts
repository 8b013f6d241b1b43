import * as vscode from 'vscode';
import { Emitter } from '../client/emitter.ts';
import type { Registration } from '../client/emitter.ts';
import type { ClusterRegistry } from '../clusters/clusterRegistry.ts';
import type { ClusterSession } from '../clusters/clusterSession.ts';
import type { PanelHistory, PanelLog, PanelState, TrafficSample } from '../../schemas/panel.ts';
import { modulePanelHtml } from './html.ts';
import { relay } from './panelRelay.ts';
import { panelState } from './panelState.ts';

/** Which module a panel shows; also what its page keeps, so that the panel comes back after a restart. */
export interface PanelIdentity {
  readonly clusterId: string;
  readonly module: string;
}

interface PanelMessages {
  'panel.identity': PanelIdentity;
  'panel.state': PanelState;
  'panel.history': PanelHistory;
  'panel.sample': TrafficSample;
  'log.appended': PanelLog;
}

/** One module in an editor tab. While the tab is hidden nothing is sent to it and nothing is tried for it. */
export class ModulePanel {
  readonly onClosed = new Emitter<void>();
  readonly #registrations: Registration[];
  #attention: Registration | null = null;
  #ready = false;
  /** Raised with each page that comes or goes: a hidden one is unloaded, and what it asked for may take an hour. */
  #page = 0;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly identity: PanelIdentity,
    private readonly registry: ClusterRegistry,
    private readonly log: vscode.LogOutputChannel,
    extensionUri: vscode.Uri,
  ) {
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media/icons/understudy-file.svg');
    panel.webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist/media')],
    };
    const sessionRegistrations: Registration[] = [];
    const listen = (): void => {
      for (const registration of sessionRegistrations.splice(0)) registration.dispose();
      const session = this.#session;
      if (session === undefined) return;
      sessionRegistrations.push(
        session.onLog.on((entries) => this.#logAppended(entries)),
        session.onSample.on(({ module, sample }) => {
          if (module === identity.module) this.#post('panel.sample', sample);
        }),
      );
    };
    this.#registrations = [
      registry.onChange.on(({ session }) => {
        if (session.profile.id === identity.clusterId) this.#sendState();
      }),
      registry.onList.on(() => {
        listen();
        this.#sendState();
      }),
      { dispose: () => sessionRegistrations.forEach((registration) => registration.dispose()) },
    ];
    listen();
    panel.webview.onDidReceiveMessage((message) => this.#receive(message));
    panel.onDidChangeViewState(() => this.#visibilityChanged());
    panel.onDidDispose(() => this.#dispose());
    panel.webview.html = modulePanelHtml(panel.webview, extensionUri);
    this.#visibilityChanged();
  }

  reveal(): void {
    this.panel.reveal();
  }

  get #session(): ClusterSession | undefined {
    return this.registry.find(this.identity.clusterId);
  }

  async #receive(message: unknown): Promise<void> {
    if (isNotification(message, 'panel.ready')) {
      this.#ready = true;
      this.#page += 1;
      this.#post('panel.identity', this.identity);
      this.#post('panel.history', { samples: this.#session?.history(this.identity.module) ?? [] });
      this.#sendState();
      return;
    }
    if (isNotification(message, 'panel.reconnect')) {
      await this.registry.reconnect(this.identity.clusterId);
      return;
    }
    const page = this.#page;
    const relayed = await relay(message, this.#session, this.identity.module, this.log);
    if (relayed === null) return;
    // A page that is just being hidden takes nothing any more, before that is heard here.
    const isDelivered = page === this.#page && (await this.panel.webview.postMessage(relayed.answer));
    if (!isDelivered) relayed.tell();
  }

  #visibilityChanged(): void {
    if (this.panel.visible === (this.#attention !== null)) return;
    if (this.panel.visible) {
      this.#attention = this.registry.attend(this.identity.clusterId);
      return;
    }
    this.#attention?.dispose();
    this.#attention = null;
    // A hidden page is unloaded; it says that it is ready when it is shown again.
    this.#ready = false;
    this.#page += 1;
  }

  /** As the agents read their logs for one module: what is of the host as a whole is not in it. */
  #logAppended(entries: PanelLog['entries']): void {
    const own = entries.filter((entry) => entry.module === this.identity.module);
    if (own.length > 0) this.#post('log.appended', { entries: own });
  }

  #sendState(): void {
    this.#post('panel.state', panelState(this.#session, this.identity.module, vscode.workspace.isTrusted));
  }

  #post<M extends keyof PanelMessages>(method: M, params: PanelMessages[M]): void {
    if (this.#ready) void this.panel.webview.postMessage({ jsonrpc: '2.0', method, params });
  }

  #dispose(): void {
    this.#attention?.dispose();
    this.#attention = null;
    this.#ready = false;
    this.#page += 1;
    for (const registration of this.#registrations) registration.dispose();
    this.onClosed.emit();
  }
}

function isNotification(message: unknown, method: string): boolean {
  return typeof message === 'object' && message !== null && 'method' in message && message.method === method;
}

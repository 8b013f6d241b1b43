import { setFlagsFromString } from 'node:v8';
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { explanationsOf } from './explanations.ts';
import { startServer } from './server.ts';

// What 500 modules are takes 20 MiB; by itself the collector lets three times as much garbage of key presses lie about.
setFlagsFromString('--heap-growing-percent=40');

startServer(createConnection(ProposedFeatures.all), explanationsOf(process.argv[1] ?? ''));

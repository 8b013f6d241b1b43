import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { explanationsOf } from './explanations.ts';
import { startServer } from './server.ts';

startServer(createConnection(ProposedFeatures.all), explanationsOf(process.argv[1] ?? ''));

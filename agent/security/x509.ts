import type * as x509Types from '@peculiar/x509';

type X509 = typeof x509Types;
let loaded: Promise<X509> | undefined;

/**
 * The certificate library, loaded when a certificate is made and not before: it is large, and an agent at work only checks certificates,
 * which Node does by itself.
 */
export function loadX509(): Promise<X509> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<X509> {
  // The library's dependency injection looks for it while it loads.
  await import('reflect-metadata');
  // It takes the Web Crypto of the global scope, which Node has since version 20.
  return import('@peculiar/x509');
}

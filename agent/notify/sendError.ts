/** Codes of TLS for a certificate by an authority that this program does not know. */
const untrusted: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Why something could not be sent, and what to do about it where that is not plain. */
export function sendError(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!untrusted.includes(code)) return reason;
  return `its certificate is by an authority that is not known here (${reason}): name the file of that authority's certificate in the environment of the agent (NODE_EXTRA_CA_CERTS)`;
}

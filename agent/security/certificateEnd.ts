import { X509Certificate } from 'node:crypto';

const dayMs = 24 * 3600 * 1000;
/** Whoever has to make a new certificate is told for this long before the old one ends. */
const noticeMs = 60 * dayMs;

/** What to do on a host that needs a new certificate, as the end of a sentence. @param command what is run there */
export function renewal(host: string, command = 'understudy join --renew'): string {
  return `run \`understudy token join --host ${host}\` on the first host and \`${command}\` here`;
}

/** What to do when the authority of a cluster has ended, or does so soon. */
export const newAuthority = 'the cluster has to be given a new one, see "Certificates" in README';

/** @param certificate PEM */
export function endOf(certificate: string): Date {
  return new Date(new X509Certificate(certificate).validTo);
}

export function endsSoon(end: Date, now: Date): boolean {
  return end.getTime() - now.getTime() < noticeMs;
}

/**
 * What people are told of a certificate that ends soon, or has ended; null: nothing.
 * @param host whose it is
 * @param authority PEM, of the cluster's: with it all certificates end
 * @param advice what to do about the certificate alone
 */
export function endNotice(host: string, end: Date, authority: string, advice: string, now: Date): string | null {
  if (!endsSoon(end, now)) return null;
  const isOfAll = end >= endOf(authority);
  const days = Math.floor((end.getTime() - now.getTime()) / dayMs);
  const when = `${days < 0 ? 'ended' : 'ends'} on ${end.toISOString().slice(0, 10)}${days < 0 ? '' : ` (in ${String(days)} days)`}`;
  return isOfAll
    ? `The authority that certifies the hosts of this cluster ${when}: no connection between them can be made after that, and ${newAuthority}.`
    : `The certificate of ${host} ${when}: no connection to it can be made after that; ${advice}.`;
}

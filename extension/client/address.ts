/** Port of an agent's API unless its cluster file says otherwise. */
export const defaultPort = 4810;

/** Where an agent listens. */
export interface AgentAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or `wss://HOST:PORT`.
 *
 * @returns the address, or a sentence that says what is wrong
 */
export function parseAddress(text: string): AgentAddress | string {
  const trimmed = text.trim().replace(/\/$/, '');
  if (/^(ws|http|https):\/\//.test(trimmed)) return 'Agents are reached over wss:// only: write HOST or HOST:PORT.';
  const bare = trimmed.replace(/^wss:\/\//, '');
  if (bare === '') return 'Write the address of an agent, such as 10.77.0.1 or alpha.example.com:4810.';
  const isBareIpv6 = /^[0-9a-f:]+$/i.test(bare) && bare.split(':').length > 2;
  const match = isBareIpv6 ? [bare, bare] : /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(bare);
  const host = match?.[1]?.replace(/^\[|\]$/g, '');
  if (host === undefined) return `"${bare}" is no address: write HOST or HOST:PORT.`;
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (port < 1 || port > 65_535) return `${port} is no TCP port: write one from 1 to 65535.`;
  return { host, port };
}

/** `HOST:PORT`, with brackets round an IPv6 address. */
export function formatAddress(address: AgentAddress): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

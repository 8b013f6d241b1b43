/** Why a connection ended, for people. */
export class ConnectionEnd extends Error {
  override readonly name = 'ConnectionEnd';
}

/**
 * What two replicas have to be of, to be one mirror's: the module and, when it has several directories, these in their order. Paths on the wire begin
 * with the place of a directory, so a file of another order would put what is written in one directory into another.
 * @param layout as the module's file names them
 */
export function mirrorIdentity(module: string, layout: readonly string[]): string {
  return layout.length === 1 ? module : `${module} with ${layout.join(', ')}`;
}

/** One file of a module. */
export interface ModuleFile {
  /** Below the module's folder, with "/", such as "bin/start_prim". Safe to be written below another folder. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

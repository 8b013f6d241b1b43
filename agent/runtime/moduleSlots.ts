import { moduleChanges } from '../../schemas/changeEffect.ts';
import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { EventLog } from './eventLog.ts';
import type { HandedModule } from './handOver.ts';
import { adoptModule, openModule, reconfigureModule, type ModuleParts } from './openModule.ts';
import type { ModuleRuntime } from './moduleRuntime.ts';
import { ModuleSlot } from './moduleSlot.ts';

export interface ModuleSlotsOptions {
  readonly host: string;
  /** By what the cluster file says now. */
  readonly partsOf: (module: ResolvedModule) => ModuleParts;
  readonly log: EventLog;
  readonly onChange: () => void;
}

/** The modules that the files name, each in a slot; others are made and closed when the files change. */
export class ModuleSlots {
  /** The same array, whatever it holds. */
  readonly all: ModuleSlot[] = [];
  readonly #options: ModuleSlotsOptions;

  constructor(options: ModuleSlotsOptions) {
    this.#options = options;
  }

  of(name: string): ModuleSlot | null {
    return this.all.find(({ module }) => module.name === name) ?? null;
  }

  /** @param left what an earlier program of this process served of it */
  add(module: ResolvedModule, left: HandedModule | undefined): ModuleSlot {
    const { partsOf, log, onChange } = this.#options;
    const adopt = left ? () => adoptModule(partsOf(module), left) : null;
    const slot = new ModuleSlot(module, this.#opener(module), adopt, log, onChange);
    this.all.push(slot);
    return slot;
  }

  /** None of them may be opened for this reason; null: they may again. @param names only these; null: all of them */
  async hold(reason: string | null, names: readonly string[] | null): Promise<void> {
    const held = this.all.filter(({ module }) => names === null || names.includes(module.name));
    await Promise.all(held.map((slot) => slot.hold(reason)));
  }

  /** The files name these modules now, and may say something else of each. Resolves when what has to be opened anew is. */
  async change(modules: readonly ResolvedModule[]): Promise<void> {
    const gone = this.all.filter(({ module }) => !modules.some(({ name }) => name === module.name));
    for (const slot of gone) this.all.splice(this.all.indexOf(slot), 1);
    await Promise.all([...gone.map((slot) => slot.close()), ...modules.map((module) => this.#changeOne(module))]);
    this.#options.onChange();
  }

  /** What modules go by is another thing in the cluster file. Resolves when those that are being opened know of it, too. */
  async reconfigure(): Promise<void> {
    await Promise.all(this.all.map((slot) => this.#tell(slot, slot.module, false)));
  }

  #changeOne(module: ResolvedModule): Promise<void> {
    const slot = this.of(module.name);
    if (slot === null) return this.add(module, undefined).start();
    const { cluster } = this.#options.partsOf(module).configuration;
    const changes = moduleChanges(slot.module, module, cluster.arbiter);
    if (changes.length === 0) return Promise.resolve();
    return this.#tell(
      slot,
      module,
      changes.some(({ effect }) => effect === 'stop'),
    );
  }

  #tell(slot: ModuleSlot, module: ResolvedModule, needsStop: boolean): Promise<void> {
    const { partsOf } = this.#options;
    const goOn = needsStop ? null : (runtime: ModuleRuntime) => reconfigureModule(partsOf(module), runtime);
    return slot.change(module, this.#opener(module), goOn);
  }

  #opener(module: ResolvedModule): (() => ReturnType<typeof openModule>) | null {
    const { host, partsOf } = this.#options;
    return module.hosts.includes(host) ? () => openModule(partsOf(module)) : null;
  }
}

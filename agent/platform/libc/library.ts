import koffi from 'koffi';

const library = load();

function load(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load('libc.so.6');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The mirror needs Linux with glibc: libc.so.6 cannot be loaded (${reason}).`, { cause: error });
  }
}

/**
 * Binds one function of the C library. Variadic functions are bound with the fixed arguments that we use: on the platforms of
 * Linux that we support integers travel the same way in both.
 */
export function bind<F extends (...values: never[]) => unknown>(signature: string): F {
  return library.func(signature) as unknown as F;
}

import { createCipheriv, createDecipheriv } from 'node:crypto';
import koffi from 'koffi';

export const GCM_TAG_BYTES = 16;

/**
 * AES-256-GCM with one key, for one thread. Each nonce must be used once. What `open` wrote must not be used when it returned false.
 */
export interface Gcm {
  /** Encrypts `parts`, one behind the other, to the start of `out`; behind them goes the tag. */
  seal(nonce: Uint8Array, header: Uint8Array, parts: readonly Uint8Array[], out: Uint8Array): void;
  /** Decrypts in place. Returns false when header, content or tag are not those that were sealed. */
  open(nonce: Uint8Array, header: Uint8Array, content: Uint8Array, tag: Uint8Array): boolean;
  /** Forgets the key. */
  end(): void;
}

/** By Node's own module: an object per message, which costs several times what the encryption of a small one does. */
class NodeGcm implements Gcm {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  seal(nonce: Uint8Array, header: Uint8Array, parts: readonly Uint8Array[], out: Uint8Array): void {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(header);
    let at = 0;
    for (const part of parts) {
      out.set(cipher.update(part), at);
      at += part.length;
    }
    cipher.final();
    out.set(cipher.getAuthTag(), at);
  }

  open(nonce: Uint8Array, header: Uint8Array, content: Uint8Array, tag: Uint8Array): boolean {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: GCM_TAG_BYTES });
    decipher.setAAD(header);
    decipher.setAuthTag(tag);
    content.set(decipher.update(content));
    try {
      decipher.final();
      return true;
    } catch {
      return false;
    }
  }

  end(): void {}
}

type Pointer = unknown;
type Bytes = Uint8Array | null;
type Start = (context: Pointer, cipher: Pointer, engine: null, key: Bytes, nonce: Bytes) => number;
type Update = (context: Pointer, out: Bytes, length: Int32Array, input: Uint8Array, bytes: number) => number;
type Finish = (context: Pointer, out: Uint8Array, length: Int32Array) => number;

interface Evp {
  readonly make: () => Pointer;
  readonly free: (context: Pointer) => void;
  readonly cipher: Pointer;
  readonly control: (context: Pointer, command: number, argument: number, bytes: Uint8Array) => number;
  readonly seal: { readonly start: Start; readonly update: Update; readonly finish: Finish };
  readonly open: { readonly start: Start; readonly update: Update; readonly finish: Finish };
}

const GET_TAG = 0x10;
const SET_TAG = 0x11;

/** The functions of the libcrypto that is in the Node program itself; null when it does not show them. */
function bindEvp(): Evp | null {
  try {
    const library = koffi.load(null);
    const bind = (signature: string) => library.func(signature) as unknown;
    const direction = (name: string) => ({
      start: bind(`int EVP_${name}Init_ex(void *, void *, void *, const void *, const void *)`) as Start,
      update: bind(`int EVP_${name}Update(void *, void *, void *, const void *, int)`) as Update,
      finish: bind(`int EVP_${name}Final_ex(void *, void *, void *)`) as Finish,
    });
    return {
      make: bind('void *EVP_CIPHER_CTX_new()') as () => Pointer,
      free: bind('void EVP_CIPHER_CTX_free(void *)') as (context: Pointer) => void,
      cipher: (bind('void *EVP_aes_256_gcm()') as () => Pointer)(),
      control: bind('int EVP_CIPHER_CTX_ctrl(void *, int, int, void *)') as Evp['control'],
      seal: direction('Encrypt'),
      open: direction('Decrypt'),
    };
  } catch {
    return null;
  }
}

function check(result: number): void {
  if (result !== 1) throw new Error('libcrypto failed to encrypt or to decrypt');
}

/** Contexts of ciphers that nobody ended: those of a connection that is gone. */
const forgotten = new FinalizationRegistry((context: EvpContext) => context.free());

/** A context for one key and one direction, made when it is first used. */
class EvpContext {
  readonly #evp: Evp;
  readonly #key: Buffer;
  readonly #start: Start;
  #context: Pointer = null;

  constructor(evp: Evp, key: Uint8Array, start: Start) {
    this.#evp = evp;
    this.#key = Buffer.from(key);
    this.#start = start;
  }

  get(): Pointer {
    if (this.#context === null) {
      this.#context = this.#evp.make();
      check(this.#start(this.#context, this.#evp.cipher, null, this.#key, null));
    }
    return this.#context;
  }

  free(): void {
    if (this.#context !== null) this.#evp.free(this.#context);
    this.#context = null;
    this.#key.fill(0);
  }
}

/** By libcrypto directly: one context for all messages of a key, of which only the nonce is set anew. */
class EvpGcm implements Gcm {
  readonly #evp: Evp;
  readonly #sealing: EvpContext;
  readonly #opening: EvpContext;
  readonly #length = new Int32Array(1);
  readonly #rest = Buffer.alloc(GCM_TAG_BYTES);

  constructor(evp: Evp, key: Uint8Array) {
    this.#evp = evp;
    this.#sealing = new EvpContext(evp, key, evp.seal.start);
    this.#opening = new EvpContext(evp, key, evp.open.start);
    forgotten.register(this, this.#sealing, this);
    forgotten.register(this, this.#opening, this);
  }

  seal(nonce: Uint8Array, header: Uint8Array, parts: readonly Uint8Array[], out: Uint8Array): void {
    const { start, update, finish } = this.#evp.seal;
    const [context, length] = [this.#sealing.get(), this.#length];
    let bytes = GCM_TAG_BYTES;
    for (const part of parts) bytes += part.length;
    if (nonce.length !== 12 || out.length < bytes) throw new RangeError('no room for a sealed message');
    check(start(context, null, null, null, nonce));
    check(update(context, null, length, header, header.length));
    let at = 0;
    for (const part of parts) {
      if (part.length === 0) continue;
      check(update(context, at === 0 ? out : out.subarray(at), length, part, part.length));
      at += part.length;
    }
    check(finish(context, this.#rest, length));
    check(this.#evp.control(context, GET_TAG, GCM_TAG_BYTES, out.subarray(at, at + GCM_TAG_BYTES)));
  }

  open(nonce: Uint8Array, header: Uint8Array, content: Uint8Array, tag: Uint8Array): boolean {
    const { start, update, finish } = this.#evp.open;
    const [context, length] = [this.#opening.get(), this.#length];
    if (nonce.length !== 12 || tag.length !== GCM_TAG_BYTES) throw new RangeError('a nonce or a tag of another length');
    check(start(context, null, null, null, nonce));
    check(update(context, null, length, header, header.length));
    if (content.length > 0) check(update(context, content, length, content, content.length));
    check(this.#evp.control(context, SET_TAG, GCM_TAG_BYTES, tag));
    return finish(context, this.#rest, length) === 1;
  }

  end(): void {
    forgotten.unregister(this);
    this.#sealing.free();
    this.#opening.free();
  }
}

let evp: Evp | null | undefined;

/** AES-256-GCM with `key` (32 bytes), by libcrypto where it can be called, else by Node's module. */
export function gcm(key: Uint8Array, direct = true): Gcm {
  if (key.length !== 32) throw new RangeError('an AES-256 key has 32 bytes');
  if (!direct) return new NodeGcm(key);
  if (evp === undefined) evp = bindEvp();
  return evp === null ? new NodeGcm(key) : new EvpGcm(evp, key);
}

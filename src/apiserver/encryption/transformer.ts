/** One way to encrypt values. */
export interface Transformer {
  /** What its values begin with: `k8s:enc:aescbc:v1:key1:`. */
  readonly prefix: string
  /** By what values it writes now are told from those it or others wrote before. */
  readonly writer: string
  /** `value` as it is stored, with the prefix. `place` is where it is stored: it can be read nowhere else. */
  encrypt(value: Uint8Array, place: string): Buffer
  /** The value behind the prefix. Throws a DecryptionError. A promise where somebody else has to be asked for the key. */
  decrypt(value: Uint8Array, place: string): Decrypted | Promise<Decrypted>
}

export interface Decrypted {
  readonly value: Buffer
  readonly writer: string
}

/** A stored value cannot be read with the keys there are. The message holds nothing of it. */
export class DecryptionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DecryptionError'
  }
}

import type { Clock } from '../../machinery/clock.ts'
import { aesCbc, aesGcm } from './aes.ts'
import type { EncryptionConfiguration, Provider } from './encryption-configuration.ts'
import type { KmsTransformer } from './kms.ts'
import { secretbox } from './secretbox.ts'
import { DecryptionError, type Decrypted, type Transformer } from './transformer.ts'

const encryptedMark = Buffer.from('k8s:enc:')
const identity = 'identity'

/** How the values of one resource are stored: by the first of the ways in which they may stand there. */
export interface ResourceEncryption {
  /** By what values that are written now are told from others. */
  readonly writer: string
  encrypt(value: Uint8Array, place: string): Uint8Array
  decrypt(stored: Uint8Array, place: string): Decrypted | Promise<Decrypted>
}

/** Which resources are encrypted, and how. Source: k8s.io/apiserver/pkg/server/options/encryptionconfig. */
export class Encryption {
  readonly #byName: ReadonlyMap<string, ResourceEncryption>
  readonly #plugins: readonly KmsTransformer[]

  private constructor(byName: ReadonlyMap<string, ResourceEncryption>, plugins: readonly KmsTransformer[]) {
    this.#byName = byName
    this.#plugins = plugins
  }

  static async open(configuration: EncryptionConfiguration, clock: Clock): Promise<Encryption> {
    const byName = new Map<string, ResourceEncryption>()
    const plugins: KmsTransformer[] = []
    const transformersOf = async (provider: Provider): Promise<readonly (Transformer | 'identity')[]> => {
      switch (provider.type) {
        case 'identity':
          return [identity]
        case 'kms': {
          const { KmsTransformer } = await import('./kms.ts')
          const plugin = await KmsTransformer.open({ ...provider, clock })
          plugins.push(plugin)
          return [plugin]
        }
        case 'aescbc':
        case 'aesgcm':
        case 'secretbox': {
          const make = { aescbc: aesCbc, aesgcm: aesGcm, secretbox }[provider.type]
          return provider.keys.map(({ name, secret }) => make(`k8s:enc:${provider.type}:v1:${name}:`, secret))
        }
      }
    }
    for (const { resources, providers } of configuration.resources) {
      const encryption = resourceEncryption((await Promise.all(providers.map(transformersOf))).flat())
      // What stands first counts.
      for (const name of resources) if (!byName.has(name)) byName.set(name, encryption)
    }
    return new Encryption(byName, plugins)
  }

  /** Of a resource that is named, of its group, of all: the first that is configured. */
  of(group: string, resource: string): ResourceEncryption {
    return (
      this.#byName.get(group === '' ? resource : `${resource}.${group}`) ??
      this.#byName.get(`*.${group}`) ??
      this.#byName.get('*.*') ??
      plain
    )
  }

  /** What is wrong with the plugins, if anything. */
  get fault(): string | undefined {
    const faults = this.#plugins.flatMap(({ fault }) => (fault === undefined ? [] : [fault]))
    return faults.length > 0 ? faults.join('; ') : undefined
  }

  get hasPlugins(): boolean {
    return this.#plugins.length > 0
  }

  close(): void {
    for (const plugin of this.#plugins) plugin.close()
  }
}

function resourceEncryption(transformers: readonly (Transformer | 'identity')[]): ResourceEncryption {
  const [first = identity] = transformers
  const encrypting = transformers
    .filter((transformer) => transformer !== identity)
    .map((transformer) => ({ transformer, mark: Buffer.from(transformer.prefix) }))
  return {
    get writer() {
      return first === identity ? '' : first.writer
    },
    encrypt: (value, place) => (first === identity ? value : first.encrypt(value, place)),
    decrypt(stored, place) {
      if (!startsWith(stored, encryptedMark)) {
        if (!transformers.includes(identity)) throw new DecryptionError('no matching prefix found')
        return { value: asBuffer(stored), writer: '' }
      }
      for (const { transformer, mark } of encrypting) {
        if (startsWith(stored, mark)) return transformer.decrypt(stored.subarray(mark.length), place)
      }
      throw new DecryptionError(
        transformers.includes(identity)
          ? 'identity transformer tried to read encrypted data'
          : 'no matching prefix found',
      )
    },
  }
}

/** Of resources that are not configured. */
const plain = resourceEncryption([identity])

function startsWith(value: Uint8Array, mark: Buffer): boolean {
  return value.length >= mark.length && mark.compare(value, 0, mark.length) === 0
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

import { randomBytes, randomUUID } from 'node:crypto'
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import { openDerived, openGcm, sealDerived } from './aes.ts'
import {
  EncryptedDEKSourceType,
  EncryptedObjectSchema,
  KeyManagementService,
  type EncryptedObject,
  type EncryptResponse,
} from './generated/kms_pb.ts'
import { DecryptionError, type Decrypted, type Transformer } from './transformer.ts'

/* Source: k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2 and pkg/server/options/encryptionconfig. */

const healthyPeriodMs = 60_000
const faultyPeriodMs = 10_000
/** How long after its plugin was last well a seed may encrypt. */
const seedLastsMs = 180_000
const seedBytes = 32
const maxSeeds = 1_000
const maxKeyIdBytes = 1024

export interface KmsOptions {
  readonly name: string
  readonly socket: string
  readonly timeoutMs: number
  readonly clock: Clock
}

interface Seed extends Pick<EncryptResponse, 'ciphertext' | 'keyId' | 'annotations'> {
  readonly plaintext: Buffer
  /** Monotonic. */
  validUntilMs: number
}

/**
 * Encrypts with keys derived from a seed that a KMS v2 plugin has encrypted: the plugin is asked once for a seed, not for
 * each value.
 */
export class KmsTransformer implements Transformer {
  readonly prefix: string
  readonly #options: KmsOptions
  readonly #client: Client
  /** By their encrypted form. */
  readonly #seeds = new Map<string, Buffer>()
  #seed: Seed | undefined
  #fault: string | undefined = 'not yet asked'
  #cancel: Cancel | undefined
  #closed = false

  private constructor(options: KmsOptions) {
    this.#options = options
    this.prefix = `k8s:enc:kms:v2:${options.name}:`
    this.#client = new Client(`unix://${options.socket}`, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 3000,
      'grpc.default_authority': 'localhost',
    })
  }

  /** Resolves when the plugin has been asked; it may be faulty. */
  static async open(options: KmsOptions): Promise<KmsTransformer> {
    const transformer = new KmsTransformer(options)
    await transformer.#refresh()
    return transformer
  }

  /** What is wrong with the plugin. */
  get fault(): string | undefined {
    return this.#fault
  }

  get writer(): string {
    return this.prefix + (this.#seed?.keyId ?? '')
  }

  encrypt(value: Uint8Array, place: string): Buffer {
    const seed = this.#seed
    if (!seed) throw new Error(`the KMS plugin ${this.#options.name} has given no key: ${this.#fault}`)
    if (this.#options.clock.monotonic() > seed.validUntilMs) {
      throw new Error(`the key of the KMS plugin ${this.#options.name} has expired: ${this.#fault}`)
    }
    const object = create(EncryptedObjectSchema, {
      encryptedData: sealDerived(seed.plaintext, value, place),
      keyID: seed.keyId,
      encryptedDEKSource: seed.ciphertext,
      annotations: seed.annotations,
      encryptedDEKSourceType: EncryptedDEKSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED,
    })
    return Buffer.concat([Buffer.from(this.prefix), toBinary(EncryptedObjectSchema, object)])
  }

  decrypt(value: Uint8Array, place: string): Decrypted | Promise<Decrypted> {
    const object = fromBinary(EncryptedObjectSchema, value)
    const known = this.#seeds.get(cacheKey(object))
    return known ? this.#open(object, known, place) : this.#openWithPlugin(object, place)
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
    this.#client.close()
  }

  #open(object: EncryptedObject, key: Buffer, place: string): Decrypted {
    const isDerived = object.encryptedDEKSourceType === EncryptedDEKSourceType.HKDF_SHA256_XNONCE_AES_GCM_SEED
    const open = isDerived ? openDerived : openGcm
    const writer = isDerived ? this.prefix + object.keyID : `${this.prefix}${object.keyID}:key`
    return { value: open(key, object.encryptedData, place), writer }
  }

  async #openWithPlugin(object: EncryptedObject, place: string): Promise<Decrypted> {
    const { encryptedDEKSource: ciphertext, keyID: keyId, annotations } = object
    let plaintext: Buffer
    try {
      const request = { ciphertext, keyId, annotations, uid: randomUUID() }
      plaintext = Buffer.from((await this.#call(KeyManagementService.method.decrypt, request)).plaintext)
    } catch (error) {
      throw new DecryptionError(`failed to decrypt DEK, error: ${messageOf(error)}`, { cause: error })
    }
    this.#remember(cacheKey(object), plaintext)
    return this.#open(object, plaintext, place)
  }

  /** Asks how the plugin is, and for another seed when its key is another; again and again. */
  async #refresh(): Promise<void> {
    const { clock } = this.#options
    try {
      const status = await this.#call(KeyManagementService.method.status, {})
      if (status.version !== 'v2' && status.version !== 'v2beta1') {
        throw new Error(`expected version v2, got ${status.version}`)
      }
      if (status.healthz !== 'ok') throw new Error(`got unexpected healthz status: ${status.healthz}`)
      checkKeyId(status.keyId)
      const validUntilMs = clock.monotonic() + seedLastsMs
      if (this.#seed?.keyId === status.keyId) this.#seed.validUntilMs = validUntilMs
      else {
        const plaintext = randomBytes(seedBytes)
        const encrypted = await this.#call(KeyManagementService.method.encrypt, {
          plaintext,
          uid: randomUUID(),
        })
        checkKeyId(encrypted.keyId)
        const { ciphertext, keyId, annotations } = encrypted
        this.#seed = { plaintext, ciphertext, keyId, annotations, validUntilMs }
        this.#remember(Buffer.from(ciphertext).toString('base64') + keyId, plaintext)
      }
      this.#fault = undefined
    } catch (error) {
      this.#fault = messageOf(error)
    }
    if (this.#closed) return
    this.#cancel = clock.after(this.#fault === undefined ? healthyPeriodMs : faultyPeriodMs, () => {
      void this.#refresh()
    })
  }

  #remember(key: string, plaintext: Buffer): void {
    if (this.#seeds.size >= maxSeeds) this.#seeds.delete(this.#seeds.keys().next().value!)
    this.#seeds.set(key, plaintext)
  }

  #call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
  ): Promise<MessageShape<Output>> {
    const message = create(method.input, request)
    const deadline = new Date()
    deadline.setTime(deadline.getTime() + this.#options.timeoutMs)
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (value: typeof message) => Buffer.from(toBinary(method.input, value)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        message,
        new Metadata(),
        { deadline },
        (error, answer) => {
          if (error) reject(error)
          else resolve(answer!)
        },
      )
    })
  }
}

function cacheKey({ encryptedDEKSource, keyID }: EncryptedObject): string {
  return Buffer.from(encryptedDEKSource).toString('base64') + keyID
}

function checkKeyId(keyId: string): void {
  if (keyId === '') throw new Error('keyID is empty')
  if (Buffer.byteLength(keyId) > maxKeyIdBytes) throw new Error('keyID is too long')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

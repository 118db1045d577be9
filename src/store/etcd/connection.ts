import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js'
import { type Clock, sleep } from '../../machinery/clock.ts'
import { StoreError } from '../store.ts'
import { fromGrpc, isNotExecuted, isUnavailable } from './etcd-error.ts'

/** PEM texts. Without `ca` the system's authorities are trusted. */
export interface EtcdTls {
  readonly ca?: string | Uint8Array
  readonly certificate?: string | Uint8Array
  readonly key?: string | Uint8Array
}

export interface ConnectionOptions {
  /** `https://host:port` or `http://host:port`, one per member. */
  readonly endpoints: readonly string[]
  readonly tls?: EtcdTls | undefined
  readonly clock: Clock
}

/** One member of the cluster. */
export interface Member {
  readonly endpoint: string
  readonly client: Client
}

/** How long a call may take before the member counts as gone. Milliseconds. */
const callTimeoutMs = 10_000

/** For how long a call that may be repeated is repeated while no member is available, and the pause after each round. */
const patienceMs = 5000
const roundDelayMs = 100

const channelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A member that vanishes without a word is noticed as soon as upstream's client notices it.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
}

/** Connections to the members of a cluster, of which one is used until it fails. */
export class Connection {
  readonly #clock: Clock
  readonly #members: readonly Member[]
  #current = 0
  #closed = false

  constructor({ endpoints, tls, clock }: ConnectionOptions) {
    if (endpoints.length === 0) throw new TypeError('etcd needs at least one endpoint')
    this.#clock = clock
    this.#members = endpoints.map((endpoint) => connect(endpoint, tls))
  }

  /** A call that may be made more than once: goes to the next member when one fails. */
  async read<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return this.#call(method, request, isUnavailable)
  }

  /** A call that must not be made twice: goes to the next member only when it was certainly not executed. */
  async write<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return this.#call(method, request, isNotExecuted)
  }

  /** Asks one member, whichever is in use. */
  async ask<I extends DescMessage, O extends DescMessage>(
    member: Member,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return unary(member.client, method, request, this.#clock.now() + callTimeoutMs)
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
  ): { readonly member: Member; readonly call: ClientDuplexStream<MessageInitShape<I>, MessageShape<O>> } {
    this.#mustBeOpen()
    const member = this.#member
    const { serialize, deserialize } = codec(method)
    return {
      member,
      call: member.client.makeBidiStreamRequest(pathOf(method), serialize, deserialize, metadata()),
    }
  }

  /** Tells that a member failed: others are used first from now on. */
  avoid(member: Member): void {
    if (member === this.#member) this.#current = (this.#current + 1) % this.#members.length
  }

  close(): void {
    this.#closed = true
    for (const { client } of this.#members) client.close()
  }

  get #member(): Member {
    return this.#members[this.#current]!
  }

  async #call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<MessageShape<O>> {
    const giveUpAtMs = this.#clock.monotonic() + patienceMs
    for (let attempt = 1; ; attempt++) {
      this.#mustBeOpen()
      const member = this.#member
      try {
        return await this.ask(member, method, request)
      } catch (error) {
        this.#mustBeOpen()
        if (isUnavailable(error)) this.avoid(member)
        if (!mayRepeat(error) || this.#clock.monotonic() >= giveUpAtMs) throw error
        if (attempt % this.#members.length === 0) await sleep(this.#clock, roundDelayMs)
      }
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreError('closed', 'the store is closed')
  }
}

function connect(endpoint: string, tls: EtcdTls | undefined): Member {
  const { protocol, host, hostname } = new URL(endpoint)
  if (protocol === 'http:') {
    return { endpoint, client: new Client(host, credentials.createInsecure(), channelOptions) }
  }
  if (protocol !== 'https:') {
    throw new TypeError(`an etcd endpoint must begin with https:// or http://: ${endpoint}`)
  }
  const address = hostname.replace(/^\[|\]$/g, '')
  const pem = (text: string | Uint8Array | undefined) => (text === undefined ? null : Buffer.from(text))
  const secure = credentials.createSsl(pem(tls?.ca), pem(tls?.key), pem(tls?.certificate), {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(address, certificate),
  })
  // An address is no server name, and TLS refuses it as one: another is sent, and the certificate checked for the address.
  const nameOptions = isIP(address) ? { 'grpc.ssl_target_name_override': 'etcd' } : {}
  return { endpoint, client: new Client(host, secure, { ...channelOptions, ...nameOptions }) }
}

function unary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  deadline: number,
): Promise<MessageShape<O>> {
  const { serialize, deserialize } = codec(method)
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      pathOf(method),
      serialize,
      deserialize,
      request,
      metadata(),
      { deadline },
      (error, response) => {
        if (response) resolve(response)
        else reject(fromGrpc(error))
      },
    )
  })
}

/** Has a member that is cut off from the others refuse, instead of answering from the past or not at all. */
function metadata(): Metadata {
  const metadata = new Metadata()
  metadata.set('hasleader', 'true')
  return metadata
}

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }): string {
  return `/${method.parent.typeName}/${method.name}`
}

function codec<I extends DescMessage, O extends DescMessage>(method: {
  readonly input: I
  readonly output: O
}) {
  return {
    serialize(request: MessageInitShape<I>): Buffer {
      const bytes = toBinary(method.input, create(method.input, request))
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    },
    deserialize: (bytes: Buffer): MessageShape<O> => fromBinary(method.output, bytes),
  }
}

/**
 * The WebSocket subprotocols of `kubectl exec`, `attach` and `port-forward`: each message begins with the number of a
 * channel. Source: k8s.io/streaming/pkg/httpstream/wsstream, k8s.io/apimachinery/pkg/util/remotecommand.
 */

/** Channels of a remote command. */
export const remoteCommandChannels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const

/** The first byte of a message by which a v5 client ends a channel; the second is the channel. */
const closeSignal = 255

/** Remote command subprotocols over WebSockets, best first. `''` when a client names none. */
export const remoteCommandSubprotocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
] as const

/** Remote command protocols over SPDY (header X-Stream-Protocol-Version), best first. */
export const remoteCommandStreamProtocols = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const

/** The port-forward protocol over SPDY, and the WebSocket subprotocol that tunnels that SPDY connection. */
export const portForwardProtocol = 'portforward.k8s.io'
export const portForwardTunnelSubprotocol = 'SPDY/3.1+portforward.k8s.io'

/** Port-forward with channels over WebSockets, two per port (data and error), as old clients speak it. */
export const portForwardSubprotocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', ''] as const

export type ChannelMessage =
  | { readonly type: 'data'; readonly channel: number; readonly data: Uint8Array }
  /** The peer sends no more on this channel. */
  | { readonly type: 'close'; readonly channel: number }

/** What a message says is not what the subprotocol allows. */
export class ChannelError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ChannelError'
  }
}

export interface ChannelCodec {
  readonly subprotocol: string
  /** Messages are binary; text with base64 inside when false. */
  readonly isBinary: boolean
  /** A channel can be ended by itself (v5). */
  readonly canClose: boolean
  /** The error channel carries a Status as JSON (v4 and later); before that, plain text, and nothing for success. */
  readonly hasStatus: boolean
  /** A message, to be sent as binary for a Uint8Array and as text for a string. */
  encode(channel: number, data: Uint8Array): Uint8Array | string
  /** The message that ends a channel; undefined where the subprotocol has none. */
  encodeClose(channel: number): Uint8Array | undefined
  /** Undefined for an empty message. Throws a ChannelError. */
  decode(message: Uint8Array | string): ChannelMessage | undefined
}

/** The codec of a subprotocol; undefined for one that has no channels. */
export function channelCodec(subprotocol: string): ChannelCodec | undefined {
  if (subprotocol !== '' && !/^(v[45]\.)?(base64\.)?channel\.k8s\.io$/.test(subprotocol)) return undefined
  const isBinary = !subprotocol.includes('base64.')
  const canClose = subprotocol.startsWith('v5.')
  return {
    subprotocol,
    isBinary,
    canClose,
    hasStatus: subprotocol.startsWith('v4.') || canClose,
    encode: isBinary ? encodeBinary : encodeBase64,
    encodeClose: (channel) => (canClose ? Uint8Array.of(closeSignal, channel) : undefined),
    decode: (message) => (isBinary ? decodeBinary(message, canClose) : decodeBase64(message)),
  }
}

function encodeBinary(channel: number, data: Uint8Array): Uint8Array {
  const message = Buffer.allocUnsafe(data.length + 1)
  message[0] = channel
  message.set(data, 1)
  return message
}

function encodeBase64(channel: number, data: Uint8Array): string {
  return channel + Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

function decodeBinary(message: Uint8Array | string, canClose: boolean): ChannelMessage | undefined {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message
  const [channel] = bytes
  if (channel === undefined) return undefined
  if (!canClose || channel !== closeSignal) return { type: 'data', channel, data: bytes.subarray(1) }
  const [, closed] = bytes
  if (closed === undefined || bytes.length !== 2) {
    throw new ChannelError(`a single channel byte should follow the close signal, not ${bytes.length - 1}`)
  }
  return { type: 'close', channel: closed }
}

const base64Format = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function decodeBase64(message: Uint8Array | string): ChannelMessage | undefined {
  const text = typeof message === 'string' ? message : Buffer.from(message).toString('latin1')
  if (text === '') return undefined
  const channel = text.charCodeAt(0) - '0'.charCodeAt(0)
  const encoded = text.slice(1)
  if (channel < 0 || !base64Format.test(encoded)) throw new ChannelError('the message is not base64')
  return { type: 'data', channel, data: Buffer.from(encoded, 'base64') }
}

/**
 * The subprotocol to use: the first of the client's that the server has; `''` when the client names none and the server
 * can do without. Undefined when there is none in common.
 */
export function negotiateSubprotocol(
  requested: readonly string[],
  supported: readonly string[],
): string | undefined {
  const wanted = requested.length === 0 ? [''] : requested
  return wanted.find((subprotocol) => supported.includes(subprotocol))
}

/** The protocol of the SPDY connection inside a WebSocket, where the subprotocol is such a tunnel. */
export function tunnelledProtocol(subprotocol: string): string | undefined {
  return /^SPDY\/3\.1\+(.+\.k8s\.io)$/.exec(subprotocol)?.[1]
}

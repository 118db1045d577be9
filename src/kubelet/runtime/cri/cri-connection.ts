import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import {
  Client,
  credentials,
  status as codes,
  type CallOptions,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { RuntimeError, type RuntimeErrorReason } from '../runtime-error.ts'

type Method<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  input: Input
  output: Output
}

/** What a call says beside its request, by name. */
type Headers = Readonly<Record<string, string>>

/** One gRPC connection to a CRI socket. Every failure is a RuntimeError. */
export interface CriConnection {
  call<Input extends DescMessage, Output extends DescMessage>(
    method: Method<Input, Output>,
    request: MessageInitShape<Input>,
    options?: { readonly timeoutMs?: number; readonly headers?: Headers },
  ): Promise<MessageShape<Output>>

  stream<Input extends DescMessage, Output extends DescMessage>(
    method: Method<Input, Output>,
    request: MessageInitShape<Input>,
    signal: AbortSignal,
    headers?: Headers,
  ): AsyncIterable<MessageShape<Output>>

  /** Gives up what is under way. */
  close(): void
}

/** Upstream's maximum; lists of containers on full nodes pass the 4 MiB default. */
const maximumMessageBytes = 16 << 20
/** Upstream's runtimeRequestTimeout. */
const defaultTimeoutMs = 120_000

/** `endpoint` is a socket's path or a `unix://` address. */
export function connectCri(endpoint: string): CriConnection {
  const address = endpoint.startsWith('unix:') ? endpoint : `unix://${endpoint}`
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maximumMessageBytes,
    'grpc.max_send_message_length': maximumMessageBytes,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 3000,
    'grpc.default_authority': 'localhost',
  })

  /** What is under way: the client's own close would wait for it. */
  const calls = new Set<{ cancel(): void }>()

  return {
    call(method, request, { timeoutMs = defaultTimeoutMs, headers } = {}) {
      const message = create(method.input, request)
      return new Promise((resolve, reject) => {
        const active = client.makeUnaryRequest(
          pathOf(method),
          (value: typeof message) => Buffer.from(toBinary(method.input, value)),
          (bytes: Buffer) => fromBinary(method.output, bytes),
          message,
          metadataOf(headers),
          withDeadline(timeoutMs),
          (error, answer) => {
            calls.delete(active)
            if (error) reject(asRuntimeError(error))
            else resolve(answer!)
          },
        )
        calls.add(active)
      })
    },

    async *stream(method, request, signal, headers) {
      const message = create(method.input, request)
      const call = client.makeServerStreamRequest(
        pathOf(method),
        (value: typeof message) => Buffer.from(toBinary(method.input, value)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        message,
        metadataOf(headers),
        {},
      )
      const onAbort = () => call.cancel()
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        for await (const answer of call) yield answer as MessageShape<typeof method.output>
      } catch (error) {
        if (!signal.aborted) throw asRuntimeError(error as ServiceError)
      } finally {
        signal.removeEventListener('abort', onAbort)
        call.cancel()
      }
    },

    close() {
      for (const active of calls) active.cancel()
      client.close()
    },
  }
}

function metadataOf(headers: Headers = {}): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}

/** gRPC takes an absolute deadline of the machine's clock; 0 is none. */
function withDeadline(timeoutMs: number): CallOptions {
  if (timeoutMs <= 0) return {}
  const deadline = new Date()
  deadline.setTime(deadline.getTime() + timeoutMs)
  return { deadline }
}

const reasons: ReadonlyMap<number, RuntimeErrorReason> = new Map([
  [codes.NOT_FOUND, 'notFound'],
  [codes.ALREADY_EXISTS, 'alreadyExists'],
  [codes.INVALID_ARGUMENT, 'invalidArgument'],
  [codes.DEADLINE_EXCEEDED, 'deadlineExceeded'],
  [codes.UNAVAILABLE, 'unavailable'],
  [codes.UNIMPLEMENTED, 'unimplemented'],
  [codes.FAILED_PRECONDITION, 'failedPrecondition'],
])

function asRuntimeError(error: ServiceError): RuntimeError {
  return new RuntimeError(reasons.get(error.code) ?? 'unknown', error.details || error.message, {
    cause: error,
  })
}

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'

type Method<Input extends DescMessage, Output extends DescMessage> = DescMethod & {
  input: Input
  output: Output
}

/** A plugin answered with an error, or not at all. `code` is gRPC's. */
export class PluginError extends Error {
  readonly code: number

  constructor(code: number, name: string, message: string, options?: ErrorOptions) {
    super(`rpc error: code = ${name} desc = ${message}`, options)
    this.name = 'PluginError'
    this.code = code
  }
}

/** As Go writes gRPC's codes. */
const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]

/** One gRPC connection to a plugin's socket. Every failure is a PluginError. */
export interface PluginConnection {
  call<Input extends DescMessage, Output extends DescMessage>(
    method: Method<Input, Output>,
    request: MessageInitShape<Input>,
    timeoutMs: number,
  ): Promise<MessageShape<Output>>
  /** What a plugin tells, until it ends; leaving the loop ends it too. */
  stream<Input extends DescMessage, Output extends DescMessage>(
    method: Method<Input, Output>,
    request: MessageInitShape<Input>,
  ): AsyncIterable<MessageShape<Output>>
  close(): void
}

export function connectPlugin(socket: string): PluginConnection {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 3000,
    'grpc.default_authority': 'localhost',
  })
  return {
    call(method, request, timeoutMs) {
      const message = create(method.input, request)
      const deadline = new Date()
      deadline.setTime(deadline.getTime() + timeoutMs)
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          `/${method.parent.typeName}/${method.name}`,
          (value: typeof message) => Buffer.from(toBinary(method.input, value)),
          (bytes: Buffer) => fromBinary(method.output, bytes),
          message,
          new Metadata(),
          { deadline },
          (error, answer) => {
            if (error) reject(pluginError(error))
            else resolve(answer!)
          },
        )
      })
    },
    async *stream(method, request) {
      const message = create(method.input, request)
      const call = client.makeServerStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (value: typeof message) => Buffer.from(toBinary(method.input, value)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        message,
        new Metadata(),
      )
      // An error that comes when nobody reads any more has been asked for.
      call.on('error', () => {})
      try {
        for await (const answer of call) yield answer as MessageShape<typeof method.output>
      } catch (error) {
        throw pluginError(error as ServiceError)
      } finally {
        call.cancel()
      }
    },
    close: () => client.close(),
  }
}

function pluginError(error: ServiceError): PluginError {
  const name = codeNames[error.code] ?? `Code(${error.code})`
  return new PluginError(error.code, name, error.details, { cause: error })
}

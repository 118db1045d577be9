import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescService,
  type Message,
} from '@bufbuild/protobuf'
import {
  Server,
  ServerCredentials,
  status,
  type ServerWritableStream,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import { Registration } from '../generated/registration_pb.ts'

/** Answers of a plugin by the names of its methods; those of streams are given the stream. */
export type Handlers = Readonly<
  Record<string, (request: never, stream: ServerWritableStream<unknown, unknown>) => unknown>
>

export interface ServedService {
  readonly service: DescService
  readonly handlers: Handlers
}

/** A real gRPC server on a socket. What a handler throws is the error's details. */
export async function servePlugin(
  socket: string,
  services: readonly ServedService[],
): Promise<{ stop(): void }> {
  mkdirSync(dirname(socket), { recursive: true })
  const server = new Server()
  for (const { service, handlers } of services) {
    const methods = service.methods.map((method) => {
      const streams = method.methodKind === 'server_streaming'
      const { path, ...codec } = codecOf(service, method.name, method.input, method.output)
      const handler = handlers[method.name]
      return [
        method.name,
        { path, requestStream: false, responseStream: streams, ...codec },
        handler,
        streams,
      ] as const
    })
    server.addService(
      Object.fromEntries(methods.map(([name, definition]) => [name, definition])),
      Object.fromEntries(
        methods.flatMap(([name, , handler, streams]) =>
          handler ? [[name, streams ? streamed(handler) : unary(handler)]] : [],
        ),
      ),
    )
  }
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    )
  })
  return { stop: () => server.forceShutdown() }
}

function codecOf(service: DescService, name: string, input: DescMessage, output: DescMessage) {
  return {
    path: `/${service.typeName}/${name}`,
    requestSerialize: (value: Message) => Buffer.from(toBinary(input, value)),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: (value: object) =>
      Buffer.from(toBinary(output, create(output, value as Record<string, unknown>))),
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  }
}

type Handler = NonNullable<Handlers[string]>

function unary(handler: Handler): UntypedHandleCall {
  const answerOne = (
    call: { readonly request: never },
    answer: (error: object | null, value?: unknown) => void,
  ) => {
    void Promise.resolve()
      .then(() => handler(call.request, undefined as never))
      .then(
        (value) => answer(null, value ?? {}),
        (error: Error) => answer({ code: status.UNKNOWN, details: error.message }),
      )
  }
  return answerOne as unknown as UntypedHandleCall
}

function streamed(handler: Handler): UntypedHandleCall {
  const tell = (call: ServerWritableStream<unknown, unknown>) => void handler(call.request as never, call)
  return tell
}

/** The service by which a plugin makes itself known in plugins_registry, and what the kubelet answered. */
export function registrationService(info: {
  readonly type: string
  readonly name: string
  readonly endpoint: string
  readonly supportedVersions: readonly string[]
}): ServedService & { readonly registered: Promise<string> } {
  const registered = Promise.withResolvers<string>()
  return {
    service: Registration,
    registered: registered.promise,
    handlers: {
      GetInfo: () => info,
      NotifyRegistrationStatus(answer: { readonly pluginRegistered: boolean; readonly error: string }) {
        registered.resolve(answer.pluginRegistered ? '' : answer.error)
        return {}
      },
    },
  }
}

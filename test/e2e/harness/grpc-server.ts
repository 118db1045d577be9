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
import { Server, ServerCredentials, status } from '@grpc/grpc-js'

export type Request = Readonly<Record<string, unknown>>
/** By the names of a service's methods. What throws is answered as Internal, what is missing as Unimplemented. */
export type Handlers = Readonly<Record<string, (request: never) => object | Promise<object>>>

export interface Served {
  readonly service: DescService
  readonly handlers: Handlers
}

/** Serves gRPC on a socket, whose folder is made. */
export async function serveGrpc(
  socket: string,
  services: readonly Served[],
  record: (method: string, request: Request) => void = () => {},
): Promise<Server> {
  mkdirSync(dirname(socket), { recursive: true })
  const server = new Server()
  for (const { service, handlers } of services) addService(server, service, handlers, record)
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  )
  return server
}

function addService(
  server: Server,
  service: DescService,
  handlers: Handlers,
  record: (method: string, request: Request) => void,
): void {
  const definitions = Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: object) => bytes(method.input, value),
        requestDeserialize: (data: Buffer) => fromBinary(method.input, data),
        responseSerialize: (value: object) => bytes(method.output, value),
        responseDeserialize: (data: Buffer) => fromBinary(method.output, data),
      },
    ]),
  )
  const implementation = Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      async ({ request }: { request: Request }, answer: (error: object | null, value?: object) => void) => {
        record(method.name, request)
        const handler = handlers[method.name]
        if (!handler) return answer({ code: status.UNIMPLEMENTED, details: method.name })
        try {
          answer(null, create(method.output, (await handler(request as never)) as never))
        } catch (error) {
          answer({ code: status.INTERNAL, details: String(error) })
        }
      },
    ]),
  )
  server.addService(definitions, implementation)
}

function bytes(message: DescMessage, value: object): Buffer {
  return Buffer.from(toBinary(message, value as Message))
}

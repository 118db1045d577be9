import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { EmptySchema, Registration, RegisterRequestSchema } from './generated/deviceplugin_pb.ts'
import type { RegisterRequest } from './generated/deviceplugin_pb.ts'

const registrationSocket = 'kubelet.sock'

export interface RegistrationServerOptions {
  /** `<kubelet root>/device-plugins`. */
  readonly directory: string
  /** What of the directory is no socket of a plugin. */
  readonly keep: string
  /** Throws, in words for the plugin, when it cannot be taken in. */
  readonly onRegister: (request: RegisterRequest) => void
}

/**
 * Serves v1beta1.Registration, where device plugins make themselves known. What sockets there were are removed first:
 * plugins take that, and the new socket, for the sign to come again. Source: pkg/kubelet/cm/devicemanager/plugin/v1beta1.
 */
export async function serveRegistration(options: RegistrationServerOptions): Promise<{ stop(): void }> {
  const { directory, keep, onRegister } = options
  await mkdir(directory, { recursive: true, mode: 0o750 })
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (name === keep || (await stat(path).catch(() => undefined))?.isDirectory()) continue
    await rm(path, { force: true })
  }
  const server = new Server()
  const { register } = Registration.method
  server.addService(
    {
      register: {
        path: `/${Registration.typeName}/${register.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: RegisterRequest) => Buffer.from(toBinary(RegisterRequestSchema, value)),
        requestDeserialize: (bytes: Buffer) => fromBinary(RegisterRequestSchema, bytes),
        responseSerialize: () => Buffer.from(toBinary(EmptySchema, create(EmptySchema))),
        responseDeserialize: (bytes: Buffer) => fromBinary(EmptySchema, bytes),
      },
    },
    {
      register: (
        call: { readonly request: RegisterRequest },
        answer: (error: object | null, value?: object) => void,
      ) => {
        try {
          onRegister(call.request)
          answer(null, create(EmptySchema))
        } catch (error) {
          answer({ code: status.UNKNOWN, details: error instanceof Error ? error.message : String(error) })
        }
      },
    },
  )
  const address = `unix://${join(directory, registrationSocket)}`
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    )
  })
  return { stop: () => server.forceShutdown() }
}

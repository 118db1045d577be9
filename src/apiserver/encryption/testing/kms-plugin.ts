import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { KeyManagementService } from '../generated/kms_pb.ts'

/** A KMS v2 plugin over a real socket, whose keys are made of their names. */
export interface KmsPlugin extends AsyncDisposable {
  /** New seeds are encrypted with this one; the others still decrypt. */
  keyId: string
  isHealthy: boolean
  readonly calls: { status: number; encrypt: number; decrypt: number }
}

const nonceBytes = 12
const tagBytes = 16

export async function startKmsPlugin(socket: string): Promise<KmsPlugin> {
  const server = new Server()
  const plugin: KmsPlugin = {
    keyId: 'key-1',
    isHealthy: true,
    calls: { status: 0, encrypt: 0, decrypt: 0 },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  }
  const implementation: UntypedServiceImplementation = {}
  const service: Record<string, object> = {}
  function serve<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    answer: (request: MessageShape<Input>) => MessageInitShape<Output>,
  ): void {
    service[method.name] = {
      path: `/${method.parent.typeName}/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: MessageShape<Input>) => Buffer.from(toBinary(method.input, value)),
      requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
      responseSerialize: (value: MessageShape<Output>) => Buffer.from(toBinary(method.output, value)),
      responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
    }
    implementation[method.name] = (
      call: { readonly request: MessageShape<Input> },
      done: (error: object | null, value?: MessageShape<Output>) => void,
    ) => {
      try {
        done(null, create(method.output, answer(call.request)))
      } catch (error) {
        done({ code: status.INVALID_ARGUMENT, details: String(error) })
      }
    }
  }
  const { status: statusMethod, encrypt, decrypt } = KeyManagementService.method
  serve(statusMethod, () => {
    plugin.calls.status++
    return { version: 'v2', healthz: plugin.isHealthy ? 'ok' : 'the vault is closed', keyId: plugin.keyId }
  })
  serve(encrypt, ({ plaintext }) => {
    plugin.calls.encrypt++
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', keyOf(plugin.keyId), nonce)
    const ciphertext = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    const annotations = { 'version.plugin.example': Buffer.from('1') }
    return { ciphertext, keyId: plugin.keyId, annotations }
  })
  serve(decrypt, ({ ciphertext, keyId, annotations }) => {
    plugin.calls.decrypt++
    if (!annotations['version.plugin.example']) throw new Error('the annotations are missing')
    const decipher = createDecipheriv('aes-256-gcm', keyOf(keyId), ciphertext.subarray(0, nonceBytes))
    decipher.setAuthTag(ciphertext.subarray(-tagBytes))
    const plaintext = [decipher.update(ciphertext.subarray(nonceBytes, -tagBytes)), decipher.final()]
    return { plaintext: Buffer.concat(plaintext) }
  })
  server.addService(service as Parameters<Server['addService']>[0], implementation)
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
  return plugin
}

function keyOf(keyId: string): Buffer {
  return createHash('sha256').update(keyId).digest()
}

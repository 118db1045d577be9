import { join } from 'node:path'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { connectPlugin } from '../../plugins/plugin-connection.ts'
import { servePlugin } from '../../plugins/testing/serve-plugin.ts'
import { DevicePlugin, Registration } from '../generated/deviceplugin_pb.ts'

export interface TestDevicePlugin {
  /** What it was asked: the method and the devices. */
  readonly calls: string[]
  /** What it has from now on, by id; false: not healthy. */
  setDevices(devices: Readonly<Record<string, boolean>>): void
  /** Makes itself known to the kubelet; rejects with what it answers. */
  register(version?: string, resource?: string): Promise<void>
  stop(): void
}

export interface TestDevicePluginOptions {
  /** `<kubelet root>/device-plugins`. */
  readonly directory: string
  readonly resource: string
  readonly devices: Readonly<Record<string, boolean>>
  /** What Allocate answers for each container. */
  readonly answer?: (ids: readonly string[]) => object
  readonly preStart?: boolean
  /** Prefers these. */
  readonly preferred?: readonly string[]
}

/** A device plugin as they are: a gRPC server on a socket beside the kubelet's. */
export async function startTestDevicePlugin(options: TestDevicePluginOptions): Promise<TestDevicePlugin> {
  const { directory, resource, answer = () => ({}) } = options
  const endpoint = `${resource.replace('/', '-')}.sock`
  const calls: string[] = []
  const streams = new Set<ServerWritableStream<unknown, unknown>>()
  let { devices } = options
  const list = () => ({
    devices: Object.entries(devices).map(([ID, healthy]) => ({
      ID,
      health: healthy ? 'Healthy' : 'Unhealthy',
    })),
  })
  const choices = {
    preStartRequired: options.preStart === true,
    getPreferredAllocationAvailable: options.preferred !== undefined,
  }
  const server = await servePlugin(join(directory, endpoint), [
    {
      service: DevicePlugin,
      handlers: {
        GetDevicePluginOptions: () => choices,
        ListAndWatch(_: unknown, stream) {
          streams.add(stream)
          stream.on('cancelled', () => streams.delete(stream))
          stream.write(list())
        },
        Allocate({ containerRequests: requests }: { containerRequests: { devicesIds: string[] }[] }) {
          return {
            containerResponses: requests.map(({ devicesIds }) => {
              calls.push(`Allocate ${devicesIds.join(',')}`)
              return answer(devicesIds)
            }),
          }
        },
        GetPreferredAllocation(request: { containerRequests: { availableDeviceIDs: string[] }[] }) {
          calls.push('GetPreferredAllocation')
          return {
            containerResponses: request.containerRequests.map(() => ({ deviceIDs: options.preferred })),
          }
        },
        PreStartContainer({ devicesIds }: { devicesIds: string[] }) {
          calls.push(`PreStartContainer ${devicesIds.join(',')}`)
          return {}
        },
      },
    },
  ])
  return {
    calls,
    setDevices(now) {
      devices = now
      for (const stream of streams) stream.write(list())
    },
    async register(version = 'v1beta1', resourceName = resource) {
      const connection = connectPlugin(join(directory, 'kubelet.sock'))
      try {
        const request = { version, endpoint, resourceName, options: choices }
        await connection.call(Registration.method.register, request, 5000)
      } finally {
        connection.close()
      }
    },
    stop: () => server.stop(),
  }
}

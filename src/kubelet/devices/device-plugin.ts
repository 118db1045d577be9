import { connectPlugin, type PluginConnection } from '../plugins/plugin-connection.ts'
import {
  DevicePlugin as Service,
  type ContainerAllocateResponse,
  type Device,
} from './generated/deviceplugin_pb.ts'

/** What a plugin wants to be asked, beside `Allocate`. */
export interface DevicePluginChoices {
  readonly preStartRequired: boolean
  readonly preferredAllocation: boolean
}

/** A device plugin that is connected. Every call rejects with a PluginError. */
export interface DevicePlugin {
  options(): Promise<DevicePluginChoices>
  /** Lists of all its devices, each when something of them has changed. Ends, or throws, when the plugin is gone. */
  devices(): AsyncIterable<readonly Device[]>
  allocate(ids: readonly string[]): Promise<ContainerAllocateResponse | undefined>
  preStart(ids: readonly string[]): Promise<void>
  /** Which of `available` the plugin would give, `mustInclude` among them. */
  preferred(
    available: readonly string[],
    mustInclude: readonly string[],
    size: number,
  ): Promise<readonly string[]>
  close(): void
}

const optionsTimeoutMs = 10_000
/** As upstream's KubeletPreStartContainerRPCTimeoutInSecs. */
const preStartTimeoutMs = 30_000
/** Upstream waits for ever, and admits no other pod meanwhile. */
const allocateTimeoutMs = 60_000

export function connectDevicePlugin(socket: string): DevicePlugin {
  const connection: PluginConnection = connectPlugin(socket)
  const { method } = Service
  return {
    async options() {
      const answer = await connection.call(method.getDevicePluginOptions, {}, optionsTimeoutMs)
      return {
        preStartRequired: answer.preStartRequired,
        preferredAllocation: answer.getPreferredAllocationAvailable,
      }
    },
    async *devices() {
      for await (const { devices } of connection.stream(method.listAndWatch, {})) yield devices
    },
    async allocate(ids) {
      const request = { containerRequests: [{ devicesIds: [...ids] }] }
      const answer = await connection.call(method.allocate, request, allocateTimeoutMs)
      return answer.containerResponses[0]
    },
    async preStart(ids) {
      await connection.call(method.preStartContainer, { devicesIds: [...ids] }, preStartTimeoutMs)
    },
    async preferred(available, mustInclude, size) {
      const request = {
        availableDeviceIDs: [...available],
        mustIncludeDeviceIDs: [...mustInclude],
        allocationSize: size,
      }
      const answer = await connection.call(
        method.getPreferredAllocation,
        { containerRequests: [request] },
        allocateTimeoutMs,
      )
      return answer.containerResponses[0]?.deviceIDs ?? []
    },
    close: () => connection.close(),
  }
}

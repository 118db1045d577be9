import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ContainerAllocateResponseSchema,
  type ContainerAllocateResponse,
} from './generated/deviceplugin_pb.ts'
import { ifThere } from '../if-there.ts'

/** What a container has of one resource. */
export interface Allocation {
  readonly podUID: string
  readonly container: string
  readonly resource: string
  readonly ids: readonly string[]
  readonly response: ContainerAllocateResponse
}

export interface DeviceCheckpoint {
  readonly allocations: readonly Allocation[]
  /** Resources that plugins had. */
  readonly resources: readonly string[]
}

export const checkpointFile = 'kubelet_internal_checkpoint'

/** The layout of upstream's file, without its checksum: a rename makes it whole. */
interface Stored {
  readonly Data: {
    readonly PodDeviceEntries: readonly {
      readonly PodUID: string
      readonly ContainerName: string
      readonly ResourceName: string
      readonly DeviceIDs: Readonly<Record<string, readonly string[]>>
      readonly AllocResp: string
    }[]
    readonly RegisteredDevices: Readonly<Record<string, readonly string[]>>
  }
}

/** What was given before; nothing where there is no file. Rejects where it cannot be understood. */
export async function readCheckpoint(file: string): Promise<DeviceCheckpoint> {
  const text = await ifThere(readFile(file, 'utf8'))
  if (text === undefined) return { allocations: [], resources: [] }
  const { Data: data } = JSON.parse(text) as Stored
  return {
    allocations: data.PodDeviceEntries.map((entry) => ({
      podUID: entry.PodUID,
      container: entry.ContainerName,
      resource: entry.ResourceName,
      ids: Object.values(entry.DeviceIDs).flat(),
      response: fromBinary(ContainerAllocateResponseSchema, Buffer.from(entry.AllocResp, 'base64')),
    })),
    resources: Object.keys(data.RegisteredDevices),
  }
}

export async function writeCheckpoint(
  file: string,
  allocations: Iterable<Allocation>,
  resources: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const stored: Stored = {
    Data: {
      PodDeviceEntries: Array.from(allocations, ({ podUID, container, resource, ids, response }) => ({
        PodUID: podUID,
        ContainerName: container,
        ResourceName: resource,
        DeviceIDs: { '-1': ids },
        AllocResp: Buffer.from(toBinary(ContainerAllocateResponseSchema, response)).toString('base64'),
      })),
      RegisteredDevices: resources,
    },
  }
  await mkdir(dirname(file), { recursive: true, mode: 0o750 })
  await writeFile(`${file}.new`, JSON.stringify(stored), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

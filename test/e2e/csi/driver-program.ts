import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Node } from '../../../src/kubelet/volumes/csi/generated/csi_pb.ts'
import { serveGrpc, type Handlers } from '../harness/grpc-server.ts'
import { directoryNode, topologyKey } from './directory-node.ts'
import {
  Controller,
  type ControllerExpandVolumeRequest,
  type ControllerPublishVolumeRequest,
  type CreateVolumeRequest,
  type DeleteVolumeRequest,
  type GetCapacityRequest,
} from './generated/controller_pb.ts'

/** A CSI driver as a program in a pod, as drivers ship: it knows its socket, its node, and where it keeps volumes. */
const { CSI_ENDPOINT: endpoint = '', NODE_ID: nodeId = '', FOLDER: folder = '' } = process.env
const zone = 'a'

const controller: Handlers = {
  CreateVolume({ name, capacityRange, parameters }: CreateVolumeRequest) {
    mkdirSync(join(folder, name), { recursive: true })
    return {
      volume: {
        volumeId: name,
        capacityBytes: capacityRange?.requiredBytes ?? 0n,
        volumeContext: parameters,
        accessibleTopology: [{ segments: { [topologyKey]: zone } }],
      },
    }
  },
  DeleteVolume({ volumeId }: DeleteVolumeRequest) {
    rmSync(join(folder, volumeId), { recursive: true, force: true })
    return {}
  },
  ControllerPublishVolume: ({ volumeId, nodeId }: ControllerPublishVolumeRequest) => ({
    publishContext: { device: `/dev/${nodeId}/${volumeId}` },
  }),
  ControllerUnpublishVolume: () => ({}),
  ControllerExpandVolume: ({ capacityRange }: ControllerExpandVolumeRequest) => ({
    capacityBytes: capacityRange?.requiredBytes ?? 0n,
    nodeExpansionRequired: true,
  }),
  GetCapacity: ({ accessibleTopology }: GetCapacityRequest) => ({
    availableCapacity: accessibleTopology?.segments[topologyKey] === zone ? 10n * 2n ** 30n : 0n,
  }),
}

rmSync(endpoint, { force: true })
await serveGrpc(
  endpoint,
  [
    { service: Node, handlers: directoryNode(folder, nodeId, zone) },
    { service: Controller, handlers: controller },
  ],
  (method, request) =>
    console.log(
      JSON.stringify({ method, request }, (_, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    ),
)
process.on('SIGTERM', () => process.exit(0))

import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  NodeServiceCapability_RPC_Type as Capability,
  type NodeExpandVolumeRequest,
  type NodePublishVolumeRequest,
  type NodeStageVolumeRequest,
  type NodeUnpublishVolumeRequest,
  type NodeUnstageVolumeRequest,
} from '../../../src/kubelet/volumes/csi/generated/csi_pb.ts'
import type { Handlers } from '../harness/grpc-server.ts'
import { runProgram } from '../harness/program.ts'

export const topologyKey = 'topology.csi.example.com/zone'

/** The node's side of a CSI driver whose volumes are directories in `folder`, bind-mounted where they are asked for. */
export function directoryNode(folder: string, nodeId: string, zone: string): Handlers {
  const directory = (volumeId: string) => join(folder, volumeId)
  return {
    NodeGetInfo: () => ({
      nodeId,
      maxVolumesPerNode: 5n,
      accessibleTopology: { segments: { [topologyKey]: zone } },
    }),
    NodeGetCapabilities: () => ({
      capabilities: [Capability.STAGE_UNSTAGE_VOLUME, Capability.EXPAND_VOLUME].map((type) => ({
        type: { case: 'rpc', value: { type } },
      })),
    }),
    async NodeStageVolume({ volumeId, stagingTargetPath }: NodeStageVolumeRequest) {
      mkdirSync(directory(volumeId), { recursive: true })
      await mount(directory(volumeId), stagingTargetPath)
      return {}
    },
    async NodePublishVolume(request: NodePublishVolumeRequest) {
      const { volumeId, stagingTargetPath, targetPath, readonly } = request
      if (stagingTargetPath === '') mkdirSync(directory(volumeId), { recursive: true })
      await mount(stagingTargetPath || directory(volumeId), targetPath, readonly)
      return {}
    },
    async NodeUnpublishVolume({ targetPath }: NodeUnpublishVolumeRequest) {
      await unmount(targetPath)
      return {}
    },
    async NodeUnstageVolume({ stagingTargetPath }: NodeUnstageVolumeRequest) {
      await unmount(stagingTargetPath)
      return {}
    },
    NodeExpandVolume: ({ capacityRange }: NodeExpandVolumeRequest) => ({
      capacityBytes: capacityRange?.requiredBytes ?? 0n,
    }),
  }
}

async function mount(source: string, target: string, readonly = false): Promise<void> {
  mkdirSync(target, { recursive: true })
  await succeed('mount', ['-o', 'bind', source, target])
  if (readonly) await succeed('mount', ['-o', 'remount,bind,ro', target])
}

async function unmount(target: string): Promise<void> {
  await succeed('umount', [target])
  rmdirSync(target)
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

import type { MessageInitShape } from '@bufbuild/protobuf'
import { VolumeCapability_AccessMode_Mode as Mode, type VolumeCapabilitySchema } from './generated/csi_pb.ts'

export interface CapabilityInput {
  readonly accessModes: readonly string[]
  readonly isBlock: boolean
  readonly fsType: string
  readonly mountOptions: readonly string[]
  /** The driver gives the volume to this group itself. */
  readonly mountGroup?: number
  /** The driver tells one writer from several on one node. */
  readonly tellsWriters: boolean
}

/** How a volume is going to be used, in CSI's words. Source: kubernetes/pkg/volume/csi/csi_util.go. */
export function volumeCapability(input: CapabilityInput): MessageInitShape<typeof VolumeCapabilitySchema> {
  const { isBlock, fsType, mountOptions, mountGroup } = input
  return {
    accessMode: { mode: modeOf(input) },
    accessType: isBlock
      ? { case: 'block', value: {} }
      : {
          case: 'mount',
          value: {
            fsType,
            mountFlags: [...mountOptions],
            ...(mountGroup !== undefined && { volumeMountGroup: String(mountGroup) }),
          },
        },
  }
}

function modeOf({ accessModes, tellsWriters }: CapabilityInput): Mode {
  const [mode] = accessModes
  switch (mode) {
    case 'ReadWriteMany':
      return Mode.MULTI_NODE_MULTI_WRITER
    case 'ReadOnlyMany':
      return Mode.MULTI_NODE_READER_ONLY
    case 'ReadWriteOncePod':
      return tellsWriters ? Mode.SINGLE_NODE_SINGLE_WRITER : Mode.SINGLE_NODE_WRITER
    default:
      return tellsWriters ? Mode.SINGLE_NODE_MULTI_WRITER : Mode.SINGLE_NODE_WRITER
  }
}

import type { CSIDriver } from '../../../api/generated/storage.v1.ts'
import { VolumeError } from '../volume-error.ts'
import type { CsiVolume } from './csi-volume.ts'

const ofOneNode: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod'])

/** Drivers without an object of their own have persistent volumes alone. */
export function checkLifecycle({ driver, lifecycle }: CsiVolume, object: CSIDriver | undefined): void {
  const modes = object?.spec?.volumeLifecycleModes ?? ['Persistent']
  if (modes.includes(lifecycle)) return
  throw new VolumeError(
    object
      ? `volume mode "${lifecycle}" not supported by driver ${driver} (only supports [${modes.map((mode) => `"${mode}"`).join(' ')}])`
      : `volume mode "${lifecycle}" not supported by driver ${driver} (no CSIDriver object)`,
  )
}

/** Whether the kubelet gives the volume's files to the pod's group. */
export function changesGroup(volume: CsiVolume, object: CSIDriver | undefined): boolean {
  if (volume.isBlock || volume.readOnly) return false
  switch (object?.spec?.fsGroupPolicy) {
    case 'None':
      return false
    case 'File':
      return true
    default:
      return volume.fsType !== '' && volume.accessModes.some((mode) => ofOneNode.has(mode))
  }
}

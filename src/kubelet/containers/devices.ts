import type { Device } from '../runtime/runtime.ts'
import type { AnyContainer } from '../pods/pod.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { ConfigError } from './config-error.ts'

/** The block devices that a container is given: its volumes of mode Block. */
export function containerDevices(container: AnyContainer, volumes: PreparedVolumes): readonly Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name)
    if (!volume?.isDevice)
      throw new ConfigError(`cannot find block volume "${name}" to map into container "${container.name}"`)
    return {
      containerPath: devicePath,
      hostPath: volume.hostPath,
      permissions: volume.readOnly ? 'r' : 'mrw',
    }
  })
}

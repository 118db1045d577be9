import type { Pod, VolumeMount } from '../../api/generated/core.v1.ts'
import type { AnyContainer } from '../pods/pod.ts'
import type { Mount } from '../runtime/runtime.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { ConfigError } from './config-error.ts'
import { expand } from './expansion.ts'
import type { Variable } from './service-environment.ts'

export interface MountsInput {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly volumes: PreparedVolumes
  readonly environment: readonly Variable[]
  /** Makes the path in the volume safe to mount; resolves with where it stands then. */
  readonly subPath: (
    volumePath: string,
    subPath: string,
    mount: VolumeMount,
    index: number,
  ) => Promise<string>
  /** Absent where the kubelet does not manage the file. */
  readonly hostsFile?: string
  readonly terminationLog?: string
  /** References in the runtime of the images that volumes are, by the volume's name. */
  readonly images: ReadonlyMap<string, string>
  /** The runtime can make mounts below a read-only one read-only too. */
  readonly recursiveReadOnly: boolean
}

const propagations: Readonly<Record<string, Mount['propagation']>> = {
  None: 'private',
  HostToContainer: 'hostToContainer',
  Bidirectional: 'bidirectional',
}

/** What is mounted into a container: its volumes, the hosts file, the file for its last words. */
export async function containerMounts(input: MountsInput): Promise<readonly Mount[]> {
  const { container, volumes } = input
  const mounts: Mount[] = []
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name)
    if (volume === undefined) {
      throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`)
    }
    const subPath = subPathOf(mount, input.environment)
    const readonly = mount.readOnly === true || volume.readOnly
    const ref = input.images.get(mount.name)
    mounts.push({
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      hostPath:
        subPath === '' || ref !== undefined
          ? volume.hostPath
          : await input.subPath(volume.hostPath, subPath, mount, index),
      ...(ref !== undefined && { image: { ref, subPath } }),
      readonly,
      recursiveReadonly: recursiveReadOnly(mount, readonly, input.recursiveReadOnly),
      selinuxRelabel: false,
      propagation: propagations[mount.mountPropagation ?? 'None'] ?? 'private',
    })
  }
  const taken = new Set(mounts.map(({ containerPath }) => containerPath))
  const file = (containerPath: string, hostPath: string): Mount => ({
    containerPath,
    hostPath,
    readonly: false,
    recursiveReadonly: false,
    selinuxRelabel: false,
    propagation: 'private',
  })
  if (input.hostsFile !== undefined && !taken.has('/etc/hosts')) {
    mounts.push({
      ...file('/etc/hosts', input.hostsFile),
      readonly: container.securityContext?.readOnlyRootFilesystem === true,
    })
  }
  if (input.terminationLog !== undefined) {
    mounts.push(file(container.terminationMessagePath || '/dev/termination-log', input.terminationLog))
  }
  return mounts
}

function subPathOf(mount: VolumeMount, environment: readonly Variable[]): string {
  if (!mount.subPathExpr) return mount.subPath ?? ''
  const values = new Map(environment.map(({ name, value }) => [name, value]))
  const missing: string[] = []
  const path = expand(mount.subPathExpr, (name) => {
    if (!values.has(name)) missing.push(name)
    return values.get(name) ?? ''
  })
  if (missing.length > 0) {
    throw new ConfigError(`missing value for "${missing[0]}"`)
  }
  if (path.startsWith('/')) throw new ConfigError(`error SubPath \`${path}\` must not be an absolute path`)
  if (path.split('/').includes('..')) {
    throw new ConfigError(`unable to provision SubPath \`${path}\`: must not contain '..'`)
  }
  return path
}

function recursiveReadOnly(mount: VolumeMount, readonly: boolean, supported: boolean): boolean {
  switch (mount.recursiveReadOnly) {
    case 'Enabled':
      if (!supported) {
        throw new ConfigError(`recursive read-only mounts are not supported by the runtime`)
      }
      return true
    case 'IfPossible':
      return readonly && supported
    default:
      return false
  }
}

import type { RuntimeVersion } from '../runtime/runtime.ts'

/** The first containerd that mounts images; older ones would take the mount for a path on the machine. */
const firstContainerd = [2, 1]

/** Why a runtime cannot mount the files of images into containers; undefined when it can, or nobody knows that it cannot. */
export function imageVolumeProblem({ runtimeName, runtimeVersion }: RuntimeVersion): string | undefined {
  if (runtimeName !== 'containerd') return undefined
  const [major = 0, minor = 0] = runtimeVersion.replace(/^v/, '').split('.').map(Number)
  const [firstMajor = 0, firstMinor = 0] = firstContainerd
  if (major > firstMajor || (major === firstMajor && minor >= firstMinor)) return undefined
  return `image volumes are not supported by ${runtimeName} ${runtimeVersion}: it takes ${firstContainerd.join('.')} or later`
}

import type {
  Pod,
  SELinuxOptions as ApiSELinuxOptions,
  SeccompProfile,
  SecurityContext,
} from '../../api/generated/core.v1.ts'
import { describePod, type AnyContainer } from '../pods/pod.ts'
import type {
  ContainerSecurity,
  IDMapping,
  Image,
  Namespaces,
  SandboxSecurity,
  SecurityProfile,
  SELinuxOptions,
} from '../runtime/runtime.ts'
import { ConfigError } from './config-error.ts'

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** What containers' security depends on beside their pods. */
export interface SecurityNode {
  readonly seccompDirectory: string
  /** Containers without a seccomp profile have the runtime's own. */
  readonly seccompDefault?: boolean
}

/** The namespaces that a pod shares with its node, and its containers with one another. */
function namespacesOf(pod: Pod, users: IDMapping | undefined): Namespaces {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {}
  return {
    network: hostNetwork ? 'node' : 'pod',
    pid: hostPID ? 'node' : shareProcessNamespace ? 'pod' : 'container',
    ipc: hostIPC ? 'node' : 'pod',
    ...(users && { users }),
  }
}

/** `users`: those that the pod's own users are on the node; undefined where it has none of its own. */
export function sandboxSecurity(pod: Pod, seccompDirectory: string, users?: IDMapping): SandboxSecurity {
  const context = pod.spec?.securityContext
  return {
    namespaces: namespacesOf(pod, users),
    ...(context?.runAsUser !== undefined && { runAsUser: context.runAsUser }),
    ...(context?.runAsGroup !== undefined &&
      context.runAsUser !== undefined && { runAsGroup: context.runAsGroup }),
    supplementalGroups: podGroups(pod),
    ...groupsPolicy(pod),
    privileged: isPrivileged(pod),
    seccomp: profileOf(context?.seccompProfile, seccompDirectory) ?? { type: 'RuntimeDefault' },
    ...(context?.seLinuxOptions && { seLinux: seLinuxOf(context.seLinuxOptions) }),
  }
}

function isPrivileged(pod: Pod): boolean {
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  return [...containers, ...initContainers].some(({ securityContext }) => securityContext?.privileged)
}

/** fsGroup counts as a supplemental group; the pod's own come with it. `extra`: what its volumes bring. */
function podGroups(pod: Pod): readonly number[] {
  const { fsGroup, supplementalGroups = [] } = pod.spec?.securityContext ?? {}
  return [...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups]
}

function groupsPolicy(pod: Pod) {
  const policy = pod.spec?.securityContext?.supplementalGroupsPolicy
  return policy === 'Strict' || policy === 'Merge' ? ({ supplementalGroupsPolicy: policy } as const) : {}
}

/**
 * A container's security context, its own over the pod's. Throws ConfigError when it must not run as root and would,
 * in upstream's words.
 */
export function containerSecurity(
  pod: Pod,
  container: AnyContainer,
  image: Pick<Image, 'uid' | 'username'>,
  node: SecurityNode,
  users?: IDMapping,
): ContainerSecurity {
  const context = effectiveContext(pod, container)
  verifyNonRoot(pod, container, context, image)
  const privileged = context.privileged === true
  const unmasked = context.procMount === 'Unmasked'
  const appArmor = profileOf(context.appArmorProfile, '')
  return {
    namespaces: namespacesOf(pod, users),
    privileged,
    addCapabilities: context.capabilities?.add ?? [],
    dropCapabilities: context.capabilities?.drop ?? [],
    ...userOf(context, image),
    ...(context.runAsGroup !== undefined && { runAsGroup: context.runAsGroup }),
    readonlyRootfs: context.readOnlyRootFilesystem === true,
    supplementalGroups: podGroups(pod),
    ...groupsPolicy(pod),
    noNewPrivileges: context.allowPrivilegeEscalation === false,
    maskedPaths: privileged || unmasked ? [] : maskedPaths,
    readonlyPaths: privileged || unmasked ? [] : readonlyPaths,
    seccomp: privileged
      ? { type: 'Unconfined' }
      : (profileOf(context.seccompProfile, node.seccompDirectory) ?? {
          type: node.seccompDefault ? 'RuntimeDefault' : 'Unconfined',
        }),
    ...(appArmor && { appArmor }),
    ...(context.seLinuxOptions && { seLinux: seLinuxOf(context.seLinuxOptions) }),
  }
}

/** What the container leaves open the pod decides. */
function effectiveContext(pod: Pod, container: AnyContainer): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot, seccompProfile, seLinuxOptions, appArmorProfile } =
    pod.spec?.securityContext ?? {}
  return {
    ...(runAsUser !== undefined && { runAsUser }),
    ...(runAsGroup !== undefined && { runAsGroup }),
    ...(runAsNonRoot !== undefined && { runAsNonRoot }),
    ...(seccompProfile && { seccompProfile }),
    ...(seLinuxOptions && { seLinuxOptions }),
    ...(appArmorProfile && { appArmorProfile }),
    ...container.securityContext,
  }
}

/** The user is always named, so that a group can be: CRI wants the one with the other. */
function userOf(context: SecurityContext, image: Pick<Image, 'uid' | 'username'>) {
  if (context.runAsUser !== undefined) return { runAsUser: context.runAsUser }
  if (image.uid !== undefined) return { runAsUser: image.uid }
  return image.username === '' ? {} : { runAsUserName: image.username }
}

function verifyNonRoot(
  pod: Pod,
  container: AnyContainer,
  context: SecurityContext,
  image: Pick<Image, 'uid' | 'username'>,
): void {
  if (!context.runAsNonRoot) return
  const where = `pod: "${describePod(pod)}", container: ${container.name}`
  if (context.runAsUser !== undefined) {
    if (context.runAsUser !== 0) return
    throw new ConfigError(`container's runAsUser breaks non-root policy (${where})`)
  }
  if (image.uid === 0 || (image.uid === undefined && image.username === '')) {
    throw new ConfigError(`container has runAsNonRoot and image will run as root (${where})`)
  }
  if (image.uid === undefined) {
    throw new ConfigError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root (${where})`,
    )
  }
}

function profileOf(
  profile: Pick<SeccompProfile, 'type' | 'localhostProfile'> | undefined,
  directory: string,
): SecurityProfile | undefined {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return { type: 'RuntimeDefault' }
    case 'Unconfined':
      return { type: 'Unconfined' }
    case 'Localhost': {
      const name = profile.localhostProfile ?? ''
      // Of static pods nobody else has asked.
      if (name === '')
        throw new ConfigError('localhostProfile must be set if seccompProfile type is Localhost.')
      if (directory !== '' && (name.startsWith('/') || name.split('/').includes('..'))) {
        throw new ConfigError(`localhostProfile ${JSON.stringify(name)} must be a path below the profiles`)
      }
      return { type: 'Localhost', path: directory === '' ? name : `${directory}/${name}` }
    }
    default:
      return undefined
  }
}

function seLinuxOf({ user = '', role = '', type = '', level = '' }: ApiSELinuxOptions): SELinuxOptions {
  return { user, role, type, level }
}

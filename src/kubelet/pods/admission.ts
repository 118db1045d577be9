import { matchesNodeAffinity } from '../../api/core/node-affinity.ts'
import { amountOf, podRequests } from '../../api/core/pod-resources.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { containersOf, isStaticPod } from './pod.ts'
import type { PendingResize } from './plan/input.ts'
import type { Failure } from './status/pod-status.ts'
import { forbiddenSysctl } from './sysctls.ts'

const preamble = 'Pod was rejected: '

/** What a node permits and can do, beside what its Node object says. */
export interface NodePolicy {
  /** Sysctls beyond the safe ones; `*` at the end stands for all that begin so. */
  readonly allowedUnsafeSysctls: readonly string[]
  readonly hasAppArmor: boolean
  /** Whether there is enough of these resources is asked when they are given. */
  readonly isPluginResource?: (name: string) => boolean
}

/**
 * Whether the node can take a pod that was bound to it, beside those it has: undefined when it can, else why not, in the
 * words of upstream's predicates. The scheduler has asked the same; the node may have changed since, or never been asked.
 */
export function admit(pod: Pod, others: readonly Pod[], node: Node, policy: NodePolicy): Failure | undefined {
  const os = pod.spec?.os?.name
  if (os !== undefined && os !== 'linux') {
    return rejection('PodOSNotSupported', "Failed to admit pod as the OS field doesn't match node OS")
  }
  const sysctl = forbiddenSysctl(pod, policy.allowedUnsafeSysctls)
  if (sysctl !== undefined) return rejection('SysctlForbidden', sysctl)
  if (!policy.hasAppArmor && wantsAppArmor(pod)) {
    return rejection('AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host')
  }
  const groupsPolicy = pod.spec?.securityContext?.supplementalGroupsPolicy
  if (groupsPolicy === 'Strict' && !node.status?.features?.supplementalGroupsPolicy) {
    return rejection(
      'SupplementalGroupsPolicyNotSupported',
      'SupplementalGroupsPolicy=Strict is not supported in this node',
    )
  }
  return (
    insufficient(pod, others, node, policy.isPluginResource) ??
    (matchesNodeAffinity(pod, node)
      ? undefined
      : predicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")) ??
    (hasPortConflict(pod, others)
      ? predicate('NodePorts', "node(s) didn't have free ports for the requested pod ports")
      : undefined) ??
    untolerated(pod, node)
  )
}

/** The devices that the pod asks for could not be given. Source: pkg/kubelet/cm/admission. */
export function allocationFailure(error: unknown): Failure {
  const words = error instanceof Error ? error.message : String(error)
  return rejection('UnexpectedAdmissionError', `Allocate failed due to ${words}, which is unexpected`)
}

/** Why a pod that runs here cannot have the resources that its spec asks for now; undefined when it can. */
export function pendingResize(
  pod: Pod,
  others: readonly Pod[],
  node: Node | undefined,
): PendingResize | undefined {
  if (node === undefined) return undefined
  const { status: _status, ...asked } = pod
  const requests = podRequests(asked)
  for (const name of ['memory', 'cpu']) {
    const quantity = node.status?.allocatable?.[name]
    const capacity = quantity === undefined ? Infinity : amountOf(name, quantity)
    const requested = requests[name] ?? 0
    if (requested <= capacity) continue
    const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`
    return { reason: 'Infeasible', message }
  }
  const shortage = insufficient(pod, others, node)
  return shortage && { reason: 'Deferred', message: withoutPreamble(shortage.message) }
}

/** What an event says of a refusal. */
export function withoutPreamble(message: string): string {
  return message.startsWith(preamble) ? message.slice(preamble.length) : message
}

function wantsAppArmor(pod: Pod): boolean {
  const profiles = [
    pod.spec?.securityContext?.appArmorProfile,
    ...containersOf(pod).map(({ container }) => container.securityContext?.appArmorProfile),
  ]
  return profiles.some((profile) => profile !== undefined && profile.type !== 'Unconfined')
}

function insufficient(
  pod: Pod,
  others: readonly Pod[],
  node: Node,
  isLeftOut: (name: string) => boolean = () => false,
): Failure | undefined {
  const allocatable = node.status?.allocatable ?? {}
  const amount = (name: string) => {
    const quantity = allocatable[name]
    return quantity === undefined ? undefined : amountOf(name, quantity)
  }
  const maximumPods = amount('pods')
  if (maximumPods !== undefined && others.length + 1 > maximumPods) {
    return outOf('pods', 1, others.length, maximumPods)
  }
  const used = others.map(podRequests)
  for (const [name, requested] of Object.entries(podRequests(pod))) {
    const capacity = amount(name) ?? (isNative(name) ? 0 : undefined)
    // Resources that the node does not know of are somebody else's.
    if (requested === 0 || capacity === undefined || isLeftOut(name)) continue
    const taken = used.reduce((sum, requests) => sum + (requests[name] ?? 0), 0)
    if (requested > capacity - taken) return outOf(name, requested, taken, capacity)
  }
  return undefined
}

function isNative(name: string): boolean {
  return !name.includes('/')
}

function outOf(name: string, requested: number, used: number, capacity: number): Failure {
  return rejection(
    `OutOf${name}`,
    `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  )
}

function hasPortConflict(pod: Pod, others: readonly Pod[]): boolean {
  const taken = others.flatMap(hostPortsOf)
  return hostPortsOf(pod).some((wanted) =>
    taken.some(
      (port) =>
        port.hostPort === wanted.hostPort &&
        port.protocol === wanted.protocol &&
        (port.hostIP === wanted.hostIP || isAny(port.hostIP) || isAny(wanted.hostIP)),
    ),
  )
}

function hostPortsOf(pod: Pod) {
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => hostPort)
      .map(({ hostPort = 0, protocol = 'TCP', hostIP = '' }) => ({ hostPort, protocol, hostIP })),
  )
}

function isAny(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0'
}

/** Only taints that would drive the pod away again; static pods stay whatever the taints. */
function untolerated(pod: Pod, node: Node): Failure | undefined {
  if (isStaticPod(pod)) return undefined
  const driving = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
  const taint = findUntolerated(driving, pod.spec?.tolerations ?? [])
  if (taint === undefined) return undefined
  return predicate('TaintToleration', `node(s) had taints that the pod didn't tolerate`)
}

function predicate(name: string, description: string): Failure {
  return rejection(name, `Predicate ${name} failed: ${description}`)
}

function rejection(reason: string, message: string): Failure {
  return { reason, message: `${preamble}${message}`, isRejection: true }
}

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ComponentContext } from '../client/component.ts'
import { quantityValue } from '../machinery/quantity.ts'
import { noCgroups, openCgroups, type CgroupManager } from './cgroups/cgroup-manager.ts'
import { defined } from './configuration/defined.ts'
import { parseCPUSet } from './cpu/cpu-set.ts'
import type { CPUPeriod, ResourcesNode } from './containers/resources.ts'
import { noPullRecords, openPullRecords, type PullRecords } from './images/pull-records.ts'
import { defaultVerificationPolicy, verificationPolicy } from './images/verification-policy.ts'
import type { Machine } from './node/machine.ts'
import { resourcesOf, type NodeDescription } from './node/node-object.ts'
import type { KubeletOptions, RuntimeChoice } from './options.ts'
import type { KubeletPaths } from './pods/services.ts'
import { instrumentedRuntime } from './runtime/instrumented-runtime.ts'
import type { ContainerRuntime } from './runtime/runtime.ts'
import {
  createSimulatedRuntime,
  type SimulatedRuntimeOptions,
} from './runtime/simulated/simulated-runtime.ts'
import { checkRange, findRange, idsUnit } from './user-namespaces/id-range.ts'
import {
  noUserNamespaces,
  openUserNamespaces,
  type UserNamespaces,
  type UserNamespacesOptions,
} from './user-namespaces/user-namespaces.ts'

/** The node as its options and its machine make it. */
export function describeNode(
  options: KubeletOptions,
  found: Pick<NodeDescription, 'name' | 'addresses' | 'port' | 'machine'>,
): NodeDescription {
  const { registerLabels, registerTaints, providerID, reserved, nodeStatusMaxImages } = options
  const { maxPods = 110, podsPerCore = 0 } = options
  return {
    ...found,
    labels: registerLabels ?? {},
    taints: registerTaints ?? [],
    maxPods: podsPerCore > 0 ? Math.min(maxPods, found.machine.cpus * podsPerCore) : maxPods,
    ...(nodeStatusMaxImages !== undefined && { maxImages: nodeStatusMaxImages }),
    ...(providerID !== undefined && { providerID }),
    reserved: {
      milliCPU: reservedCPUs(options, found.machine) ?? reserved?.milliCPU ?? 0,
      memoryBytes: reserved?.memoryBytes ?? 0,
    },
  }
}

/** Thousandths of the CPUs that are the system's; throws an Error where the machine has no such CPUs. */
function reservedCPUs({ reservedSystemCPUs = '' }: KubeletOptions, { cpus }: Machine): number | undefined {
  if (reservedSystemCPUs === '') return undefined
  const reserved = parseCPUSet(reservedSystemCPUs)
  if (reserved.at(-1)! >= cpus) {
    throw new Error(`invalid cpuset ${JSON.stringify(reservedSystemCPUs)} specified by --reserved-cpus`)
  }
  return reserved.length * 1000
}

/** A path of '' means that pods get nothing from the node, as upstream's --resolv-conf. */
export async function readResolvConf(path = '/etc/resolv.conf'): Promise<string> {
  return path === '' ? '' : await readFile(path, 'utf8').catch(() => '')
}

/** gRPC and CRI's messages are loaded only where they are used. */
export async function openRuntime(
  choice: RuntimeChoice,
  { clock, metrics }: ComponentContext,
  annotationsOf: NonNullable<SimulatedRuntimeOptions['annotationsOf']>,
): Promise<ContainerRuntime> {
  switch (choice.type) {
    case 'given':
      return choice.runtime
    case 'simulated':
      return createSimulatedRuntime({ annotationsOf, ...choice, clock })
    case 'cri': {
      const { openCriRuntime } = await import('./runtime/cri/cri-runtime.ts')
      return instrumentedRuntime(await openCriRuntime({ ...choice, clock }), metrics, clock)
    }
  }
}

export function pathsOf(options: KubeletOptions): KubeletPaths {
  const rootDirectory = options.rootDirectory ?? '/var/lib/kubelet'
  const containerLogs = options.containerLogsDirectory ?? '/var/log/containers'
  return {
    rootDirectory,
    podLogsDirectory: options.podLogsDirectory ?? '/var/log/pods',
    ...(containerLogs !== '' && { containerLogsDirectory: containerLogs }),
    seccompDirectory: options.seccompDirectory ?? join(rootDirectory, 'seccomp'),
  }
}

/** Users and groups for pods with their own; throws an Error where the machine has too few. */
export async function openUsers(
  runtime: ContainerRuntime,
  options: KubeletOptions,
  { rootDirectory }: KubeletPaths,
  handlers: UserNamespacesOptions['handlers'],
): Promise<UserNamespaces> {
  if (!runtime.usesHost) return noUserNamespaces
  const idsPerPod = options.userNamespaceIDsPerPod ?? idsUnit
  const range = await findRange(idsPerPod)
  checkRange(range, idsPerPod, options.maxPods ?? 110)
  return await openUserNamespaces({ rootDirectory, range, idsPerPod, handlers })
}

/** Who may have which images; where pods touch nothing of this machine, all may have all. */
export async function openRecords(
  runtime: ContainerRuntime,
  { imageVerification = {} }: KubeletOptions,
  { rootDirectory }: KubeletPaths,
  { clock, log }: ComponentContext,
): Promise<PullRecords> {
  if (!runtime.usesHost) return noPullRecords
  const { policy = defaultVerificationPolicy, allowlist = [] } = imageVerification
  return await openPullRecords({
    rootDirectory,
    policy: verificationPolicy(policy, allowlist),
    images: () => runtime.listImages(),
    clock,
    log,
  })
}

/** How often something may be: a second in the long run, and at once. */
interface Rate {
  readonly qps: number
  readonly burst: number
}

/** Undefined where there is no limit, as of `pullRate`. */
export function eventRate({
  eventRecordQPS: qps = 50,
  eventBurst: burst = 100,
}: KubeletOptions): Rate | undefined {
  return qps > 0 ? { qps, burst } : undefined
}

export function pullRate({
  registryPullQPS: qps = 0,
  registryBurst: burst = 10,
}: KubeletOptions): Rate | undefined {
  return qps > 0 ? { qps, burst } : undefined
}

/** Throws an Error where the machine swaps and must not, in upstream's words. */
export function refuseSwap({ failSwapOn = false }: KubeletOptions, { swapBytes }: Machine): void {
  if (!failSwapOn || swapBytes === 0) return
  throw new Error(
    'running with swap on is not supported, please disable swap or set --fail-swap-on flag to false',
  )
}

/** Throws an Error where the machine's cgroups are not those that the kubelet may have, in upstream's words. */
export function refuseCgroups(
  { failCgroupV1 = false, singleProcessOOMKill }: KubeletOptions,
  { version }: CgroupManager,
): void {
  if (version === 2) return
  if (failCgroupV1) {
    throw new Error(
      'kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release',
    )
  }
  if (singleProcessOOMKill === false) {
    throw new Error(
      'invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1',
    )
  }
}

/** Throws an Error where containers are to have swap space of which the kernel cannot give each a part. */
export function resourcesNode(
  { swapBehavior: behavior = 'NoSwap', singleProcessOOMKill = false, ...options }: KubeletOptions,
  { memoryBytes: memoryCapacityBytes, swapBytes: capacityBytes }: Machine,
  { version: cgroupVersion, limitsSwap }: CgroupManager,
): ResourcesNode {
  if (behavior === 'LimitedSwap' && cgroupVersion === 1) {
    throw new Error('memorySwap.swapBehavior LimitedSwap needs cgroup version 2')
  }
  const swap = limitsSwap ? { behavior, capacityBytes, memoryCapacityBytes } : undefined
  return {
    memoryCapacityBytes,
    cgroupVersion,
    swap,
    cpuPeriod: cpuPeriodOf(options),
    singleProcessOOMKill,
  }
}

function cpuPeriodOf({ cpuCFSQuota = true, cpuCFSQuotaPeriodMs = 100 }: KubeletOptions): CPUPeriod {
  return cpuCFSQuota ? Math.floor(cpuCFSQuotaPeriodMs * 1000) : 'unlimited'
}

export async function setUpCgroups(
  runtime: ContainerRuntime,
  options: KubeletOptions,
  description: NodeDescription,
): Promise<CgroupManager> {
  if (!runtime.usesHost) return noCgroups
  const cgroups = await openCgroups({
    cgroupRoot: options.cgroupRoot ?? '/',
    ...defined({ podPidsLimit: options.podPidsLimit }),
    cpuPeriod: cpuPeriodOf(options),
  })
  refuseCgroups(options, cgroups)
  const { pods: isEnforced, reserved } = options.enforcement ?? { pods: true, reserved: [] }
  const kept = isEnforced ? description.reserved : { milliCPU: 0, memoryBytes: 0 }
  await cgroups.setUp({
    milliCPU: description.machine.cpus * 1000 - kept.milliCPU,
    memoryBytes: quantityValue(resourcesOf(description).capacity.memory) - kept.memoryBytes,
  })
  for (const { owner, cgroup, ...limits } of reserved) {
    await cgroups.enforce(cgroup, limits).catch((error: unknown) => {
      const detail = error instanceof Error ? error.message : String(error)
      throw new Error(
        `Failed to enforce ${owner} Reserved Cgroup Limits on ${JSON.stringify(cgroup)}: ${detail}`,
      )
    })
  }
  return cgroups
}

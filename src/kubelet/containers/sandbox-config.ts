import type { Pod } from '../../api/generated/core.v1.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { podDNS, type DNSSettings } from '../network/dns.ts'
import { sysctlName } from '../pods/sysctls.ts'
import { podHostname } from '../network/hostname.ts'
import type { IDMapping, LinuxResources, PortMapping, SandboxConfig } from '../runtime/runtime.ts'
import { cpuQuotaOf, cpuSharesOf, type CPUPeriod } from './resources.ts'
import { sandboxSecurity } from './security.ts'

export interface SandboxInput {
  readonly pod: Pod
  readonly attempt: number
  readonly dns: DNSSettings
  readonly podLogsDirectory: string
  readonly seccompDirectory: string
  /** `''` where the kubelet makes no cgroups. */
  readonly cgroupParent: string
  readonly runtimeHandler: string
  /** What the pod's own users are on the node; undefined where it has none of its own. */
  readonly users?: IDMapping | undefined
  readonly cpuPeriod?: CPUPeriod | undefined
}

/** The labels by which the kubelet knows its sandboxes and containers again. */
export function podLabels(pod: Pod): Readonly<Record<string, string>> {
  const { name = '', namespace = '', uid = '', labels } = pod.metadata ?? {}
  return {
    ...labels,
    'io.kubernetes.pod.name': name,
    'io.kubernetes.pod.namespace': namespace,
    'io.kubernetes.pod.uid': uid,
  }
}

export function podLogDirectory(podLogsDirectory: string, pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
  return `${podLogsDirectory}/${namespace}_${name}_${uid}`
}

export function sandboxConfig(input: SandboxInput): SandboxConfig {
  const { pod } = input
  const { name = '', namespace = '', uid = '', annotations = {} } = pod.metadata ?? {}
  return {
    name,
    namespace,
    uid,
    attempt: input.attempt,
    hostname: podHostname(pod, input.dns.clusterDomain),
    logDirectory: podLogDirectory(input.podLogsDirectory, pod),
    dns: podDNS(pod, input.dns),
    portMappings: portMappings(pod),
    labels: podLabels(pod),
    annotations,
    runtimeHandler: input.runtimeHandler,
    cgroupParent: input.cgroupParent,
    sysctls: Object.fromEntries(
      (pod.spec?.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value]),
    ),
    security: sandboxSecurity(pod, input.seccompDirectory, input.users),
    resources: podResources(pod, input.cpuPeriod),
    overhead: overheadOf(pod, input.cpuPeriod),
  }
}

/** Pods on the node's network need none: their ports are the node's. */
function portMappings(pod: Pod): readonly PortMapping[] {
  if (pod.spec?.hostNetwork) return []
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  return [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')].flatMap(
    ({ ports = [] }) =>
      ports
        .filter(({ hostPort }) => hostPort)
        .map(({ protocol = 'TCP', containerPort, hostPort = 0, hostIP = '' }) => ({
          protocol,
          containerPort,
          hostPort,
          hostIP,
        })),
  )
}

/** Sums over the containers: advice for runtimes that size a virtual machine. */
function podResources(pod: Pod, cpuPeriod: CPUPeriod | undefined): LinuxResources {
  let [shares, quota, memory] = [0, 0, 0]
  let [allCPU, allMemory] = [true, true]
  for (const { resources } of pod.spec?.containers ?? []) {
    const { requests = {}, limits = {} } = resources ?? {}
    shares += quantityMilliValue(requests.cpu ?? limits.cpu ?? '0')
    quota += quantityMilliValue(limits.cpu ?? '0')
    memory += quantityValue(limits.memory ?? '0')
    allCPU &&= limits.cpu !== undefined
    allMemory &&= limits.memory !== undefined
  }
  return {
    cpuShares: cpuSharesOf(shares),
    ...(allCPU && cpuQuotaOf(quota, cpuPeriod)),
    ...(allMemory && memory > 0 && { memoryLimitBytes: memory }),
  }
}

function overheadOf(pod: Pod, cpuPeriod: CPUPeriod | undefined): LinuxResources {
  const { cpu = '0', memory = '0' } = pod.spec?.overhead ?? {}
  const milliCPU = quantityMilliValue(cpu)
  return {
    ...(milliCPU > 0 && { cpuShares: cpuSharesOf(milliCPU), ...cpuQuotaOf(milliCPU, cpuPeriod) }),
    ...(quantityValue(memory) > 0 && { memoryLimitBytes: quantityValue(memory) }),
  }
}

import type { Pod } from '../../api/generated/core.v1.ts'

/** Namespaced, and no danger to other pods: allowed on every node. Source: upstream's pkg/kubelet/sysctl/safe_sysctls.go. */
const safe: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
])
const ipcPrefixes = ['kernel.shm', 'kernel.msg', 'kernel.sem', 'fs.mqueue.']

/** `kernel/sem` is another way to write `kernel.sem`; names of interfaces keep their dots behind a slash. */
export function sysctlName(name: string): string {
  const separator = /[./]/.exec(name)?.[0]
  if (separator !== '/') return name
  return name.replaceAll(/[./]/g, (character) => (character === '/' ? '.' : '/'))
}

/**
 * Why a pod may not have the sysctls it asks for; undefined when it may. `allowed` are those beyond the safe ones that
 * this node permits; a `*` at the end stands for all that begin so.
 */
export function forbiddenSysctl(pod: Pod, allowed: readonly string[]): string | undefined {
  const { hostNetwork, hostIPC, securityContext } = pod.spec ?? {}
  for (const { name: written } of securityContext?.sysctls ?? []) {
    const name = sysctlName(written)
    const isPermitted =
      safe.has(name) ||
      allowed.some((pattern) =>
        pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
      )
    if (!isPermitted) return `forbidden sysctl: "${written}" not allowlisted`
    if (hostNetwork && name.startsWith('net.')) {
      return `forbidden sysctl: "${written}" not allowed with host net enabled`
    }
    if (hostIPC && ipcPrefixes.some((prefix) => name.startsWith(prefix))) {
      return `forbidden sysctl: "${written}" not allowed with host ipc enabled`
    }
  }
  return undefined
}

import { accessSync, constants, existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { trackingHierarchy } from './cgroups.ts'
import { withSystemFolders } from './system-path.ts'

/** Something that nodes with real containers need, and Debian's package that has it. */
export interface Requirement {
  readonly package: string
  readonly files: readonly string[]
}

/** A name without a slash is looked for on PATH. */
export const nodeRequirements: readonly Requirement[] = [
  { package: 'containerd', files: ['containerd', 'ctr', 'containerd-shim-runc-v2'] },
  { package: 'runc', files: ['runc'] },
  { package: 'containernetworking-plugins', files: ['bridge', 'host-local', 'portmap', 'loopback'] },
  { package: 'nftables', files: ['nft'] },
  { package: 'iproute2', files: ['ip'] },
  { package: 'iptables', files: ['iptables'] },
  { package: 'conntrack', files: ['conntrack'] },
  { package: 'util-linux', files: ['nsenter'] },
  { package: 'mount', files: ['mount', 'umount'] },
]

/** For the demonstration's image. */
export const busyboxRequirement: Requirement = { package: 'busybox-static', files: ['busybox'] }

const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni']

/** Those of `requirements` that this machine does not have. */
export function missingRequirements(requirements: readonly Requirement[]): Requirement[] {
  const folders = [...withSystemFolders(process.env['PATH']).split(':'), ...pluginFolders]
  const isThere = (file: string) => [...folders].some((folder) => isExecutable(join(folder, file)))
  return requirements.filter(({ files }) => !files.every(isThere))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why this machine cannot run containers, whatever is installed; undefined when it can. */
export function whyNoContainers(): string | undefined {
  if (process.platform !== 'linux') return `containers need Linux, and this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'containers need root, and sudo does not give it to this user'
  const hierarchy = trackingHierarchy()
  if (!hierarchy) return 'no cgroups are mounted at /sys/fs/cgroup'
  if (!mayMakeFolder(hierarchy.mountPoint)) return `${hierarchy.mountPoint} cannot be written to`
  if (!existsSync('/proc/self/ns/net')) return 'the kernel has no network namespaces'
  return undefined
}

/** Tried, since mount options, capabilities and sandboxes all may forbid it. */
function mayMakeFolder(parent: string): boolean {
  const probe = join(parent, `k8ts-probe-${process.pid}`)
  try {
    mkdirSync(probe)
    rmdirSync(probe)
    return true
  } catch {
    return false
  }
}

import { readFile, statfs } from 'node:fs/promises'
import { arch, cpus, networkInterfaces, release, totalmem } from 'node:os'

/** What the node's status says of the machine it is. */
export interface Machine {
  readonly machineID: string
  readonly systemUUID: string
  readonly bootID: string
  readonly kernelVersion: string
  readonly osImage: string
  /** As Go names it: `amd64`. */
  readonly architecture: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly swapBytes: number
  /** Of the file system that holds the kubelet's root directory. */
  readonly ephemeralStorageBytes: number
  readonly hasAppArmor: boolean
  /** Bytes by page size: `2Mi`. */
  readonly hugepages: Readonly<Record<string, number>>
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', loong64: 'loong64' }

export async function inspectMachine(rootDirectory: string): Promise<Machine> {
  const text = (path: string) =>
    readFile(path, 'utf8').then(
      (content) => content.trim(),
      () => '',
    )
  const [machineID, productUUID, bootID, osRelease, meminfo, appArmor] = await Promise.all([
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    text('/proc/meminfo'),
    text('/sys/module/apparmor/parameters/enabled'),
  ])
  const storage = await statfs(rootDirectory)
  return {
    machineID: machineID.replaceAll('-', ''),
    systemUUID: productUUID || machineID,
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    architecture: architectures[arch()] ?? arch(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    swapBytes: Number(/^SwapTotal:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024,
    ephemeralStorageBytes: storage.blocks * storage.bsize,
    hasAppArmor: appArmor === 'Y',
    hugepages: hugepagesOf(meminfo),
  }
}

function hugepagesOf(meminfo: string): Readonly<Record<string, number>> {
  const sizeKiB = Number(/^Hugepagesize:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 2048)
  const count = Number(/^HugePages_Total:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0)
  const name = sizeKiB >= 1 << 20 ? `${sizeKiB >> 20}Gi` : `${sizeKiB >> 10}Mi`
  return { '1Gi': 0, '2Mi': 0, [name]: sizeKiB * 1024 * count }
}

/** The machine's first address that others can reach; loopback when there is none. */
export function primaryAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outside = addresses.filter(({ internal, address }) => !internal && !address.startsWith('169.254.'))
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address ?? '127.0.0.1'
}

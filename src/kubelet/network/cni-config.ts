import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface CNIOptions {
  /** Where the runtime looks for network configurations: the first by name is the pods' network. */
  readonly directory: string
  /** Where it looks for plugins. */
  readonly plugins?: string
  /** The bridge that pods hang on. Default `cni0`. */
  readonly bridge?: string
  /** Name of the network. Default `k8ts`. */
  readonly networkName?: string
  /** Where host-local keeps the addresses it gave out. Default: the plugin's own. */
  readonly addressDirectory?: string
  /** Of the bridge and the pods' interfaces; the plugin's choice when absent. */
  readonly mtu?: number
  /** Source NAT for what leaves the pods' network. Default true. */
  readonly ipMasquerade?: boolean
}

/** Behind all others: a network that somebody installs comes first. */
export const ownConfiguration = 'zz-k8ts.conflist'

const allDestinations = { 4: '0.0.0.0/0', 6: '::/0' } as const

/** A network configuration list for pods with addresses of these ranges: bridge, host-local and portmap plugins. */
function cniConfig(podCIDRs: readonly string[], options: CNIOptions): object {
  const families = [...new Set(podCIDRs.map((range) => (range.includes(':') ? 6 : 4)))] as (4 | 6)[]
  return {
    cniVersion: '0.4.0',
    name: options.networkName ?? 'k8ts',
    plugins: [
      {
        type: 'bridge',
        bridge: options.bridge ?? 'cni0',
        isGateway: true,
        isDefaultGateway: false,
        ipMasq: options.ipMasquerade ?? true,
        hairpinMode: true,
        ...(options.mtu !== undefined && { mtu: options.mtu }),
        ipam: {
          type: 'host-local',
          ranges: podCIDRs.map((subnet) => [{ subnet }]),
          routes: families.map((family) => ({ dst: allDestinations[family] })),
          ...(options.addressDirectory !== undefined && { dataDir: options.addressDirectory }),
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }
}

/** Writes the configuration, whole or not at all; does nothing when it stands there already. True when it wrote. */
export async function writeCNIConfig(podCIDRs: readonly string[], options: CNIOptions): Promise<boolean> {
  const path = join(options.directory, ownConfiguration)
  const text = `${JSON.stringify(cniConfig(podCIDRs, options), undefined, 2)}\n`
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false
  await mkdir(options.directory, { recursive: true })
  const temporary = `${path}.tmp`
  await writeFile(temporary, text, { mode: 0o600 })
  await rename(temporary, path)
  return true
}

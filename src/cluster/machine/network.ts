import { existsSync } from 'node:fs'
import { hostAddress, nodeAddress, type AddressPlan } from './address-plan.ts'
import { run } from './command.ts'

/** The network of one node: a namespace of its own, joined to the cluster's bridge. */
export interface NodeNetwork {
  readonly plan: AddressPlan
  /** From 1; gives the address and the name of the link. */
  readonly number: number
  readonly namespace: string
}

/** Marks our routes, so that they can be told from anybody else's (`ip route show proto 138`). */
export const routeProtocol = '138'

export function bridgeName(plan: AddressPlan): string {
  return `k8ts${plan.index}`
}

/** `k8ts-NAME-NODE`, as `ip netns` shows it. */
export function namespaceName(cluster: string, node: string): string {
  return `k8ts-${cluster}-${node}`
}

export function namespacePath(namespace: string): string {
  return `/run/netns/${namespace}`
}

/** IPv4 routes of the machine that are not on `exceptDevice`. */
export async function hostRoutes(exceptDevice?: string): Promise<string[]> {
  const output = await run('ip', ['-4', '-json', 'route', 'show', 'table', 'all'])
  const routes = JSON.parse(output || '[]') as readonly { dst: string; dev?: string; type?: string }[]
  return routes
    .filter(({ dev, type }) => dev !== exceptDevice && type !== 'broadcast' && type !== 'local')
    .map(({ dst }) => (dst === 'default' ? '0.0.0.0/0' : dst))
    .filter((dst) => dst !== '0.0.0.0/0')
}

/** The bridge that joins the nodes, with the host's address on it. Does nothing where it is already so. */
export async function createBridge(plan: AddressPlan): Promise<void> {
  const bridge = bridgeName(plan)
  const mtu = await uplinkMtu()
  await ipBatch([
    ...(linkExists(bridge) ? [] : [`link add name ${bridge} type bridge forward_delay 0`]),
    `link set dev ${bridge} mtu ${mtu} up`,
    `address replace ${hostAddress(plan)}/24 dev ${bridge}`,
  ])
}

export async function deleteBridge(plan: AddressPlan): Promise<void> {
  if (linkExists(bridgeName(plan))) await run('ip', ['link', 'delete', bridgeName(plan)])
}

/** The node's namespace with its address and default route. Does nothing where it is already so. */
export async function createNodeNetwork(network: NodeNetwork): Promise<void> {
  const { plan, number, namespace } = network
  const link = nodeLink(network)
  const mtu = await uplinkMtu()
  if (!existsSync(namespacePath(namespace))) await run('ip', ['netns', 'add', namespace])
  const joined = (await run('ip', ['-n', namespace, '-json', 'link', 'show'])).includes('"ifname":"eth0"')
  if (!joined) {
    if (linkExists(link)) await run('ip', ['link', 'delete', link])
    await ipBatch([`link add name ${link} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${namespace}`])
  }
  await ipBatch([`link set dev ${link} master ${bridgeName(plan)} up`])
  await ipBatch(
    [
      'link set dev lo up',
      'link set dev eth0 up',
      `address replace ${nodeAddress(plan, number)}/24 dev eth0`,
      `route replace default via ${hostAddress(plan)}`,
    ],
    namespace,
  )
  await setNodeSysctls(namespace)
}

/** Deletes the namespace and with it every link and route inside. The kernel takes its time over that: not the host's end. */
export async function deleteNodeNetwork(
  network: Pick<NodeNetwork, 'namespace'> & { readonly link: string },
): Promise<void> {
  const { namespace, link } = network
  if (linkExists(link)) await run('ip', ['link', 'delete', link])
  if (existsSync(namespacePath(namespace))) await run('ip', ['netns', 'delete', namespace])
}

/** The host's end of the link to the node. */
export function nodeLink({ plan, number }: Pick<NodeNetwork, 'plan' | 'number'>): string {
  return `${bridgeName(plan)}-${number}`
}

function linkExists(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`)
}

/** Forwarding between pods, and netfilter for traffic between pods of one bridge, where the kernel has it. */
async function setNodeSysctls(namespace: string): Promise<void> {
  await run('nsenter', [`--net=${namespacePath(namespace)}`, 'sh', '-ec', nodeSysctls])
}

/** A script that sets what every node needs, in the network namespace where it runs. */
export const nodeSysctls = [
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'for file in /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables',
  'do [ ! -e "$file" ] || echo 1 > "$file"; done',
  // Replies may come another way than requests went: no reverse-path checks.
  'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$file"; done',
].join('\n')

/** What fits through the machine's way out, so that packets from pods need no fragmenting. */
export async function uplinkMtu(): Promise<number> {
  const routes = JSON.parse(
    (await run('ip', ['-4', '-json', 'route', 'show', 'default'])) || '[]',
  ) as readonly {
    dev: string
  }[]
  const device = routes[0]?.dev
  if (device === undefined) return 1500
  const links = JSON.parse(await run('ip', ['-json', 'link', 'show', 'dev', device])) as readonly {
    mtu: number
  }[]
  return links[0]?.mtu ?? 1500
}

async function ipBatch(lines: readonly string[], namespace?: string): Promise<void> {
  const inside = namespace === undefined ? [] : ['-n', namespace]
  await run('ip', [...inside, '-batch', '-'], { stdin: `${lines.join('\n')}\n` })
}

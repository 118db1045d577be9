import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Pod } from '../../api/generated/core.v1.ts'
import { cgroupPath } from '../cgroups/cgroup-manager.ts'
import { processOf, readCgroup, type CgroupStats } from '../cgroups/cgroup-stats.ts'
import { currentSandbox } from '../pods/observation.ts'
import { treeUsage } from '../volumes/volume-usage.ts'
import { parseNetworkDevices, type NetworkDevice } from './network-stats.ts'
import type { ServerContext } from './server-context.ts'

/** What this machine's kernel tells of a pod, beside what the runtime does. All is read when it is asked for. */
export interface PodReading {
  readonly pod: Pod
  /** Of its cgroup. */
  readonly path: string
  /** Of all of the pod, with what its containers are made of and the runtime adds. */
  readonly whole?: CgroupStats
  readonly sandboxID?: string
  readonly sandbox?: CgroupStats
  /** By container id. */
  readonly containers: ReadonlyMap<string, CgroupStats>
  /** What went over the pod's own network; absent where it is the node's. */
  readonly network?: readonly NetworkDevice[]
}

/** Of the pods that are containers of this machine, by uid. */
export async function readPods(context: ServerContext): Promise<ReadonlyMap<string, PodReading>> {
  const found = await Promise.all(context.pods().map((pod) => readPod(context, pod)))
  return new Map(found.flatMap((reading) => (reading ? [[reading.pod.metadata?.uid ?? '', reading]] : [])))
}

async function readPod(context: ServerContext, pod: Pod): Promise<PodReading | undefined> {
  const { runtime, cgroups, observer } = context.servicesOf(pod)
  if (!runtime.usesHost) return undefined
  const { version } = cgroups
  const path = cgroupPath(context.cgroupRoot, pod)
  const observed = observer.get(pod.metadata?.uid ?? '')
  const current = currentSandbox(observed)
  const running = observed.containers.filter(({ state }) => state === 'running')
  const [whole, sandbox, network, ...ofContainers] = await Promise.all([
    readCgroup(version, path),
    current && readCgroup(version, `${path}/${current.id}`),
    current && current.network !== 'node' ? readNetwork(version, `${path}/${current.id}`) : undefined,
    ...running.map(({ id }) => readCgroup(version, `${path}/${id}`)),
  ])
  const containers = running.flatMap(({ id }, index) => {
    const stats = ofContainers[index]
    return stats ? [[id, stats] as const] : []
  })
  return {
    pod,
    path,
    ...(whole && { whole }),
    ...(current && { sandboxID: current.id }),
    ...(sandbox && { sandbox }),
    containers: new Map(containers),
    ...(network && { network }),
  }
}

/** Any process of the sandbox shows the network it is in. */
async function readNetwork(version: 1 | 2, path: string): Promise<readonly NetworkDevice[] | undefined> {
  const pid = await processOf(version, path)
  const text = pid && (await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => undefined))
  return text ? parseNetworkDevices(text) : undefined
}

/** The logs of a container, those that were rotated too; undefined where they are not files of this machine. */
export async function logUsage(
  context: ServerContext,
  pod: Pod,
  containerID: string,
): Promise<{ readonly usedBytes: number; readonly inodesUsed: number } | undefined> {
  const { runtime, observer } = context.servicesOf(pod)
  const { logPath } =
    observer.get(pod.metadata?.uid ?? '').containers.find(({ id }) => id === containerID) ?? {}
  if (!runtime.usesHost || !logPath) return undefined
  const used = await treeUsage(dirname(logPath)).catch(() => undefined)
  return used && { usedBytes: used.bytes, inodesUsed: used.inodes }
}

/** The pod's hosts file, where it has one. */
export async function fileBytes(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0
}

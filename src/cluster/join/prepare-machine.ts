import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { importMissingImages, writeOwnImages } from '../images/import-missing.ts'
import { cgroupProcsFile, createCgroup } from '../machine/cgroups.ts'
import { openJournal, type Trace } from '../machine/journal.ts'
import { createNodeForwarding } from '../machine/node-forwarding.ts'
import { identify } from '../machine/processes.ts'
import { clusterCgroup, cniNetwork, nodeCgroup } from '../nodes/node-traces.ts'
import { writeResolvConf } from '../nodes/real-node.ts'
import { startContainerd } from '../runtime/containerd.ts'
import type { ClusterFolder, NodeFolder } from '../state/cluster-folder.ts'

/** Where a node of this machine keeps what it has. */
export interface NodePlace {
  readonly node: string
  readonly folder: ClusterFolder
  readonly own: NodeFolder
}

/**
 * Has the machine ready for a kubelet: its folders, containerd with the images that every node needs, and packets
 * forwarded. What it makes is written down for `k8ts delete`.
 */
export async function prepareMachine(place: NodePlace, podCidr: string): Promise<void> {
  const { folder, own, node } = place
  const journal = openJournal(folder.journalFile)
  for (const trace of tracesOf(place)) journal.record(trace)
  for (const path of [own.path, own.kubeletRoot, own.podLogs, own.staticPods, own.runPath]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  const systemCgroup = `${nodeCgroup(folder.name, node)}/system`
  createCgroup(systemCgroup)
  writeResolvConf(own.resolvConf)
  await createNodeForwarding(podCidr)
  await startContainerd({
    folder: own,
    logFile: join(folder.logs, `containerd-${node}.log`),
    networkNamespace: '',
    cgroupProcsFile: cgroupProcsFile(systemCgroup),
  })
  writeOwnImages(folder)
  await importMissingImages(folder, own)
}

/** What `k8ts delete` takes off the machine again. */
function tracesOf({ folder, own, node }: NodePlace): Trace[] {
  const self = identify(process.pid)
  return [
    { kind: 'nodeRules' },
    ...(self ? [{ kind: 'process' as const, role: `agent ${node}`, process: self }] : []),
    { kind: 'cgroup', path: clusterCgroup(folder.name) },
    { kind: 'containerdState', path: own.containerdState },
    { kind: 'mounts', below: own.path },
    { kind: 'cniResults', network: cniNetwork(folder.name, node) },
  ]
}

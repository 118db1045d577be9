import type { Report } from '../cli/report.ts'
import { writeOwnImages } from '../images/import-missing.ts'
import { loadBridgeNetfilter } from '../machine/bridge-netfilter.ts'
import { createCgroup } from '../machine/cgroups.ts'
import { createHostForwarding } from '../machine/host-forwarding.ts'
import { giveNamesToHost } from '../machine/host-names.ts'
import type { Journal } from '../machine/journal.ts'
import { createBridge } from '../machine/network.ts'
import type { NodeSet } from '../nodes/node-set.ts'
import { clusterCgroup, clusterTraces } from '../nodes/node-traces.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import type { ClusterState } from '../state/cluster-state.ts'

/** Has the machine ready for the cluster's nodes, and the nodes ready for their agents; all of it is in the journal first. */
export async function prepareHost(
  folder: ClusterFolder,
  state: ClusterState,
  journal: Journal,
  nodes: NodeSet,
  report: Report,
): Promise<void> {
  const { addresses: plan } = state
  writeOwnImages(folder)
  for (const trace of clusterTraces(state.name, plan)) journal.record(trace)
  createCgroup(clusterCgroup(state.name))
  const withoutBridgeNetfilter = await loadBridgeNetfilter()
  if (withoutBridgeNetfilter !== undefined) {
    report.say(
      `Pods cannot reach pods of their own node through Services: the kernel lacks br_netfilter (${withoutBridgeNetfilter}).`,
    )
  }
  await report.step('bridge, addresses and forwarding', () =>
    Promise.all([createBridge(plan), createHostForwarding(plan)]),
  )
  const withoutNames = await giveNamesToHost(plan, 'cluster.local')
  if (withoutNames !== undefined) {
    report.say(`This machine does not find the cluster's names by itself (${withoutNames}).`)
  }
  await Promise.all(
    nodes.wanted
      .filter(({ name }) => state.nodes.some((record) => record.name === name && record.group === 'nodes'))
      .map((node) => report.step(`${node.name}: network, containerd and images`, () => node.prepare())),
  )
}

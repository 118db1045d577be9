import { existsSync } from 'node:fs'
import type { ClusterStatus } from '../control/control-protocol.ts'
import { openJournal, type Journal } from '../machine/journal.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { kindOf, type ClusterState } from '../state/cluster-state.ts'
import { kubernetesVersion } from '../../api/kubernetes-version.ts'
import { k8tsVersion } from '../version.ts'
import { runningServer, runningSupervisor, serverEnds } from './supervisor.ts'

/** What is known of a cluster whether it runs or not. */
export function clusterStatus(folder: ClusterFolder, state: ClusterState): ClusterStatus {
  const journal = openJournal(folder.journalFile)
  return {
    name: state.name,
    state: stateOf(folder, journal),
    cleared: journal.traces.length === 0,
    ends: serverEnds(folder),
    k8tsVersion: k8tsVersion(),
    kubernetesVersion,
    server: `https://127.0.0.1:${state.port}`,
    kubeconfig: folder.kubeconfig,
    folder: folder.path,
    runtime: state.runtime,
    store: state.store.type,
    components: [],
    nodes: state.nodes.map((record) => ({
      name: record.name,
      kind: kindOf(state, record),
      state: 'stopped',
      ready: false,
      components: [],
    })),
  }
}

/** Of a cluster whose server does not answer. */
function stateOf(folder: ClusterFolder, journal: Journal): Exclude<ClusterStatus['state'], 'running'> {
  if (!runningServer(journal) && !runningSupervisor(journal)) return 'stopped'
  return existsSync(folder.readyFile) ? 'restarting' : 'starting'
}

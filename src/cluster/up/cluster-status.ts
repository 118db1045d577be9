import type { ClusterStatus } from '../control/control-protocol.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { kindOf, type ClusterState } from '../state/cluster-state.ts'
import { k8tsVersion, kubernetesVersion } from '../version.ts'

/** What is known of a cluster whether it runs or not. */
export function clusterStatus(folder: ClusterFolder, state: ClusterState): ClusterStatus {
  return {
    name: state.name,
    state: 'stopped',
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

/** Where manifests of drivers and of agents expect the root directory of whatever kubelet runs them. */
const expectedRoot = '/var/lib/kubelet'

/**
 * The root directory of a kubelet that need not be where manifests expect it: several nodes may share one machine, and
 * each has its own. What pods call by the expected name is this node's own.
 */
export interface KubeletRoot {
  /** Where this node has a path of the host that a manifest, or a plugin, names. */
  onNode(path: string): string
  /** What those who see the directory where they expect it call a path of this node. */
  asExpected(path: string): string
}

export function kubeletRoot(rootDirectory: string): KubeletRoot {
  return {
    onNode: (path) => moved(path, expectedRoot, rootDirectory),
    asExpected: (path) => moved(path, rootDirectory, expectedRoot),
  }
}

function moved(path: string, from: string, to: string): string {
  return path === from || path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : path
}

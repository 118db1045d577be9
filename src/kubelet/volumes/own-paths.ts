/** Where manifests of drivers and of agents expect the root directory of whatever kubelet runs them. */
const expectedRoot = '/var/lib/kubelet'

/**
 * Directories of a kubelet that need not be where manifests expect them: several nodes may share one machine, and each has
 * its own. What pods call by the expected name is this node's own.
 */
export interface OwnPaths {
  /** Where this node has a path of the host that a manifest, or a plugin, names. */
  onNode(path: string): string
  /** What those who see the directory where they expect it call a path of this node. */
  asExpected(path: string): string
}

export function kubeletRoot(rootDirectory: string): OwnPaths {
  return ownPaths({ [expectedRoot]: rootDirectory })
}

/** Where whoever installs a network for pods expects to put it, beside the kubelet's root. */
export function ownHostPaths(
  rootDirectory: string,
  cni: { readonly directory: string; readonly plugins?: string } | undefined,
): OwnPaths {
  return ownPaths({
    [expectedRoot]: rootDirectory,
    ...(cni && { '/etc/cni/net.d': cni.directory }),
    ...(cni?.plugins !== undefined && { '/opt/cni/bin': cni.plugins }),
  })
}

/** None of them below another. */
function ownPaths(ownByExpected: Readonly<Record<string, string>>): OwnPaths {
  const places = Object.entries(ownByExpected)
  const find = (path: string, from: 0 | 1) =>
    places.find((place) => path === place[from] || path.startsWith(`${place[from]}/`))
  const moved = (path: string, from: 0 | 1, to: 0 | 1) => {
    const place = find(path, from)
    return place ? `${place[to]}${path.slice(place[from].length)}` : path
  }
  return {
    onNode: (path) => moved(path, 0, 1),
    asExpected: (path) => moved(path, 1, 0),
  }
}

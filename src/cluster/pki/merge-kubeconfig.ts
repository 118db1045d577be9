import { yaml } from '../../machinery/yaml.ts'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'
import { kubeconfigParts, type KubeconfigContent } from './kubeconfig.ts'

interface Named {
  readonly name: string
}

interface Kubeconfig {
  readonly apiVersion?: string
  readonly kind?: string
  readonly clusters?: readonly Named[] | null
  readonly contexts?: readonly Named[] | null
  readonly users?: readonly Named[] | null
  readonly 'current-context'?: string
}

/** Adds the cluster to somebody's kubeconfig, in place of what it had under these names, and makes it the current one. */
export function mergeKubeconfig(file: string, content: KubeconfigContent): void {
  const before = readKubeconfig(file)
  const { cluster, user, context } = kubeconfigParts(content)
  writeKubeconfig(file, {
    ...before,
    apiVersion: 'v1',
    kind: 'Config',
    clusters: withNamed(before.clusters, cluster),
    contexts: withNamed(before.contexts, context),
    users: withNamed(before.users, user),
    'current-context': context.name,
  })
}

/** Takes the cluster out of somebody's kubeconfig again. */
export function unmergeKubeconfig(
  file: string,
  names: { readonly cluster: string; readonly user: string },
): void {
  if (readIfExists(file) === undefined) return
  const before = readKubeconfig(file)
  const context = `${names.user}@${names.cluster}`
  const without = (list: readonly Named[] | null | undefined, name: string) =>
    (list ?? []).filter((entry) => entry.name !== name)
  writeKubeconfig(file, {
    ...before,
    clusters: without(before.clusters, names.cluster),
    contexts: without(before.contexts, context),
    users: without(before.users, context),
    'current-context': before['current-context'] === context ? '' : (before['current-context'] ?? ''),
  })
}

function readKubeconfig(file: string): Kubeconfig {
  const text = readIfExists(file)
  if (text === undefined || text.trim() === '') return {}
  const parsed: unknown = yaml().load(text)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Error(`${file} is not a kubeconfig`)
  }
  return parsed
}

function writeKubeconfig(file: string, config: Kubeconfig): void {
  writeAtomically(file, yaml().dump(config, { lineWidth: -1 }), 0o600)
}

function withNamed(list: readonly Named[] | null | undefined, entry: Named): readonly Named[] {
  return [...(list ?? []).filter(({ name }) => name !== entry.name), entry]
}

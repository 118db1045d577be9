import { namespaces } from '../../api/generated/resources.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'

/** Namespaces that every cluster has. Source: kubernetes/pkg/controlplane/controller/systemnamespaces. */
const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

export async function ensureSystemNamespaces(objects: Objects): Promise<void> {
  await Promise.all(
    systemNamespaces
      .filter((name) => !objects.get(namespaces, { name }))
      .map((name) => objects.create(namespaces, { metadata: { name } }).catch(unlessThere)),
  )
}

/** Another server may have been faster. */
export function unlessThere(error: unknown): void {
  if (!isAlreadyExists(error)) throw error
}

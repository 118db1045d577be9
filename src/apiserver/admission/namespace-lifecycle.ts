import type { Namespace } from '../../api/generated/core.v1.ts'
import { namespaces } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import { StatusError } from '../../machinery/status.ts'
import { forbidden, notFound } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts'
import { refused } from './refuse.ts'

/** Cannot be deleted. */
const immortalNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])
/** So long after a deletion was asked for, a namespace that looks alive in the cache is looked up in the store. */
const distrustCacheMs = 30_000

/**
 * Keeps objects out of namespaces that do not exist or are about to end, and some namespaces alive. Refuses before
 * anything is mutated. Source: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
 */
export function createNamespaceLifecycle(objects: Objects, clock: Clock): AdmissionPlugin {
  const deletionAskedAt = new Map<string, number>()

  function isCacheTrusted(name: string): boolean {
    const askedAt = deletionAskedAt.get(name)
    if (askedAt === undefined) return true
    if (clock.monotonic() - askedAt < distrustCacheMs) return false
    deletionAskedAt.delete(name)
    return true
  }

  async function find(name: string): Promise<Namespace> {
    const cached = objects.get(namespaces, { name })
    if (cached && (isCacheTrusted(name) || cached.status?.phase === 'Terminating')) return cached
    const latest = await objects.getLatest(namespaces, { name })
    if (!latest) throw notFound(namespaces, name)
    return latest
  }

  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation }) => operation !== 'CONNECT',
    async mutate(request) {
      const { operation, namespace, name } = request
      if (isNamespace(request)) {
        if (operation !== 'DELETE') return
        if (immortalNamespaces.has(name)) {
          throw forbidden(request.resource, name, 'this namespace may not be deleted')
        }
        deletionAskedAt.set(name, clock.monotonic())
        return
      }
      if (namespace === '' || operation === 'DELETE' || isAccessReview(request)) return
      const found = await find(namespace)
      if (operation === 'CREATE' && found.status?.phase === 'Terminating') throw terminating(request)
    },
  }
}

function isNamespace({ resource }: AdmissionRequest): boolean {
  return resource.group === '' && resource.kind === 'Namespace'
}

/** "Not found" would tell people who may not know which namespaces there are. */
function isAccessReview({ resource }: AdmissionRequest): boolean {
  return resource.group === 'authorization.k8s.io' && resource.resource === 'localsubjectaccessreviews'
}

function terminating(request: AdmissionRequest): StatusError {
  const { namespace } = request
  const { status } = refused(
    request,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  )
  return new StatusError(status.code, status.reason, status.message, {
    ...status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  })
}

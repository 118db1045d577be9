import { namespaces } from '../../../api/generated/resources.ts'
import { isAlreadyExists, notFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'

function isInNamespace({ namespace, resource }: AdmissionRequest): boolean {
  return namespace !== '' && !(resource.group === '' && resource.kind === 'Namespace')
}

/** Makes namespaces as they are used. Source: kubernetes/plugin/pkg/admission/namespace/autoprovision. */
export function createNamespaceAutoProvision(objects: Objects): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    handles: (request) => request.operation === 'CREATE' && !request.dryRun && isInNamespace(request),
    async mutate(request) {
      const { namespace: name } = request
      if (objects.get(namespaces, { name })) return
      try {
        await objects.create(namespaces, { metadata: { name } })
      } catch (error) {
        if (!isAlreadyExists(error)) throw refused(request, (error as Error).message)
      }
    },
  }
}

/** Nothing is written where there is no namespace. Source: kubernetes/plugin/pkg/admission/namespace/exists. */
export function createNamespaceExists(objects: Objects): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    handles: (request) => request.operation !== 'CONNECT' && isInNamespace(request),
    async validate({ namespace: name }) {
      if (objects.get(namespaces, { name }) ?? (await objects.getLatest(namespaces, { name }))) return
      throw notFound(namespaces, name)
    },
  }
}

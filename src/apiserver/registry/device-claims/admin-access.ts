import { namespaces } from '../../../api/generated/resources.ts'
import type { DeviceRequest, DeviceRequestAllocationResult } from '../../../api/generated/resource.v1.ts'
import { forbidden, internalError, path, type FieldError } from '../../../machinery/field-error.ts'
import type { FieldPath } from '../../../machinery/field-path.ts'
import type { Objects } from '../../objects.ts'

/** What the label `true` of a namespace allows those in it. */
const adminLabel = 'resource.kubernetes.io/admin-access'

/*
 * Access to devices that others use, for administrators: only in namespaces that are labelled so. Source:
 * kubernetes/pkg/registry/resource/utils.go.
 */

/** Of a new claim or template. The path says nothing of where templates have their requests, nor of `exactly`. */
export async function validateAdminRequests(
  requests: readonly DeviceRequest[] | undefined = [],
  namespace: string,
  objects: Objects,
): Promise<readonly FieldError[]> {
  const index = requests.findIndex(({ exactly }) => exactly?.adminAccess === true)
  if (index < 0) return []
  return validateNamespace(path('spec', 'devices', 'requests').index(index), namespace, objects)
}

/** Of a claim's status; what was allocated before cannot change. */
export async function validateAdminResults(
  results: readonly DeviceRequestAllocationResult[] | undefined = [],
  previous: readonly DeviceRequestAllocationResult[] | undefined = [],
  namespace: string,
  objects: Objects,
): Promise<readonly FieldError[]> {
  if (previous.some(hasAdminAccess)) return []
  const index = results.findIndex(hasAdminAccess)
  if (index < 0) return []
  const at = path('status', 'allocation', 'devices', 'results').index(index)
  return validateNamespace(at, namespace, objects)
}

function hasAdminAccess({ adminAccess }: DeviceRequestAllocationResult): boolean {
  return adminAccess === true
}

async function validateNamespace(at: FieldPath, name: string, objects: Objects): Promise<FieldError[]> {
  const field = at.child('adminAccess')
  const namespace = await objects.getLatest(namespaces, { name })
  if (!namespace) {
    const reason = `could not retrieve namespace to verify admin access: namespaces "${name}" not found`
    return [internalError(field, new Error(reason))]
  }
  if (namespace.metadata?.labels?.[adminLabel] === 'true') return []
  const detail = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`
  return [forbidden(field, detail)]
}

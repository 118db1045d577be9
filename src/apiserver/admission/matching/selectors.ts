import { namespaces } from '../../../api/generated/resources.ts'
import type { Namespace } from '../../../api/generated/core.v1.ts'
import { fromLabelSelector, matchesLabels } from '../../../machinery/label-selector.ts'
import type { KubernetesObject, LabelSelector } from '../../../machinery/meta.ts'
import { notFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'

/** Whether the labels of the object, or of what stands there, are selected. */
export function matchesObjectSelector(
  selector: LabelSelector = {},
  { object, oldObject }: Pick<AdmissionRequest, 'object' | 'oldObject'>,
): boolean {
  if (isEmpty(selector)) return true
  return hasLabels(object, selector) || hasLabels(oldObject, selector)
}

function hasLabels(object: KubernetesObject | undefined, selector: LabelSelector): boolean {
  return object !== undefined && matchesLabels(fromLabelSelector(selector), object.metadata?.labels)
}

/**
 * Whether the labels of the request's namespace are selected; requests outside of namespaces always are. Throws NotFound
 * when there is no such namespace.
 */
export async function matchesNamespaceSelector(
  selector: LabelSelector = {},
  request: AdmissionRequest,
  objects: Objects,
): Promise<boolean> {
  const isNamespace = request.resource.resource === 'namespaces'
  if ((request.namespace === '' && !isNamespace) || isEmpty(selector)) return true
  const { operation, subresource, object } = request
  const isWritten = isNamespace && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')
  const namespace = isWritten ? object : await namespaceOf(objects, request.namespace)
  return matchesLabels(fromLabelSelector(selector), namespace?.metadata?.labels)
}

/** The namespace; a cache that is behind is not believed that there is none. */
export async function namespaceOf(objects: Objects, name: string): Promise<Namespace> {
  const namespace = objects.get(namespaces, { name }) ?? (await objects.getLatest(namespaces, { name }))
  if (!namespace) throw notFound('namespaces', name)
  return namespace
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

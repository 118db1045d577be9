import type { ParamKind, ParamRef } from '../../../api/generated/admissionregistration.v1.ts'
import { fromLabelSelector, matchesLabels } from '../../../machinery/label-selector.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { apiVersionOf, parseApiVersion } from '../../../machinery/resource.ts'
import type { ServedResource } from '../../registry/served-resource.ts'
import type { AdmissionRequest } from '../plugin.ts'
import type { PolicyContext } from './policy-context.ts'

/** Who serves the kind of a policy's parameters; undefined when it has none. Throws when nobody does. */
export function paramResource(
  kind: ParamKind | undefined,
  context: PolicyContext,
): ServedResource | undefined {
  if (!kind) return undefined
  const { group = '', version = '' } = parseApiVersion(kind.apiVersion ?? '') ?? {}
  const served = context.servedKind({ group, version, kind: kind.kind ?? '' })
  if (served) return served
  const text = `${group === '' ? '' : `${group}/`}${version}, Kind=${kind.kind ?? ''}`
  throw new Error(`failed to find resource referenced by paramKind: '${text}'`)
}

/**
 * The parameters with which a binding has its policy evaluated, one after the other: `[null]` for none. Throws when the
 * binding cannot be used so. Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic, CollectParams.
 */
export async function collectParams(
  served: ServedResource | undefined,
  ref: ParamRef | undefined,
  request: AdmissionRequest,
  { objects }: PolicyContext,
): Promise<readonly (KubernetesObject | null)[]> {
  if (!served || !ref) return [null]
  const { name = '', selector, parameterNotFoundAction } = ref
  const namespace = paramNamespace(served, ref, request)
  const stored = served.definition.resource
  let found: readonly KubernetesObject[]
  if (name !== '') {
    const object = objects.get(stored, { ...(namespace && { namespace }), name })
    found = object ? [object] : []
  } else {
    const selected = fromLabelSelector(selector)
    found = objects
      .list(stored, namespace || undefined)
      .filter(({ metadata }) => matchesLabels(selected, metadata?.labels))
  }
  if (found.length === 0 && parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  const type = { apiVersion: apiVersionOf(served.resource), kind: served.resource.kind }
  return Promise.all(found.map(async (object) => ({ ...(await served.present(object)), ...type })))
}

function paramNamespace({ resource }: ServedResource, ref: ParamRef, request: AdmissionRequest): string {
  if (!resource.namespaced) {
    if (ref.namespace)
      throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
    return ''
  }
  const namespace = ref.namespace || request.namespace
  if (namespace) return namespace
  throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
}

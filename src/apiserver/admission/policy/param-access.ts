import type {
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/generated/admissionregistration.v1.ts'
import { mutatingAdmissionPolicies, validatingAdmissionPolicies } from '../../../api/generated/resources.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { forbidden, path } from '../../../machinery/field-error.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { parseApiVersion, type Resource } from '../../../machinery/resource.ts'
import { invalid } from '../../../machinery/status-errors.ts'
import type { User } from '../../authentication/authenticator.ts'
import { mastersGroup } from '../../authentication/known-users.ts'
import type { Attributes } from '../../authorization/authorizer.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import type { PolicyContext } from './policy-context.ts'

const group = 'admissionregistration.k8s.io'

type Context = Pick<PolicyContext, 'authorizer' | 'objects' | 'servedKind'>
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding
type Policy = KubernetesObject & { readonly spec?: { readonly paramKind?: ParamKind } }

/**
 * Nobody has policies read what he may not read: who names parameters must have access to them. Belongs to the registry
 * of these kinds, which looks at what is well-formed before all admission that validates. Source:
 * kubernetes/pkg/registry/admissionregistration, authz.go of each kind.
 */
export function createParamAccessCheck(context: Context): AdmissionPlugin {
  return {
    name: 'AdmissionPolicyParams',
    handles: ({ resource, operation, subresource }) =>
      resource.group === group && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE'),
    async validate(request) {
      if (request.user.groups.includes(mastersGroup)) return
      switch (request.resource.resource) {
        case 'validatingadmissionpolicies':
        case 'mutatingadmissionpolicies':
          return checkParamKind(context, request)
        case 'validatingadmissionpolicybindings':
          return checkParamRef(context, request, validatingAdmissionPolicies)
        case 'mutatingadmissionpolicybindings':
          return checkParamRef(context, request, mutatingAdmissionPolicies)
      }
    },
  }
}

async function checkParamKind(context: Context, request: AdmissionRequest): Promise<void> {
  const policy: Policy | undefined = request.object
  const previous: Policy | undefined = request.oldObject
  const kind = policy?.spec?.paramKind
  if (!kind || jsonEqual(kind, previous?.spec?.paramKind)) return
  const { user } = request
  const detail =
    `user ${printedUser(user)} must have "get" permission on all objects of the referenced paramKind ` +
    `(kind=${kind.kind ?? ''}, apiVersion=${kind.apiVersion ?? ''})`
  const objects = { verb: 'get', namespace: '*', name: '*', ...paramResource(context, kind) }
  await requireAccess(context, request, objects, 'paramKind', detail)
}

/** Any update asks again: upstream compares where references stand in memory, which is never the same place. */
async function checkParamRef(
  context: Context,
  request: AdmissionRequest,
  policies: Resource<Policy>,
): Promise<void> {
  const { policyName = '', paramRef } = (request.object as Binding | undefined)?.spec ?? {}
  if (!paramRef) return
  const { name = '', namespace = '' } = paramRef
  const verb = name === '' ? 'list' : 'get'
  const policy = context.objects.get(policies, { name: policyName })
  const objects = { verb, namespace, name, ...paramResource(context, policy?.spec?.paramKind) }
  // Upstream confuses the two.
  const detail = `user ${verb} does not have "${printedUser(request.user)}" permission on the object referenced by paramRef`
  await requireAccess(context, request, objects, 'paramRef', detail)
}

type Objects = Pick<Attributes, 'verb' | 'namespace' | 'name' | 'group' | 'version' | 'resource'>

/** Everything, where nobody knows what the parameters are. */
function paramResource(
  { servedKind }: Context,
  paramKind: ParamKind | undefined,
): Pick<Objects, 'group' | 'version' | 'resource'> {
  const parsed = paramKind && parseApiVersion(paramKind.apiVersion ?? '')
  if (!parsed) return { group: '*', version: '*', resource: '*' }
  const served = servedKind({ ...parsed, kind: paramKind.kind ?? '' })
  return { ...parsed, resource: served?.resource.resource ?? '*' }
}

async function requireAccess(
  { authorizer }: Context,
  { user, resource, name }: AdmissionRequest,
  objects: Objects,
  field: 'paramKind' | 'paramRef',
  detail: string,
): Promise<void> {
  const asked = { user, isResourceRequest: true, subresource: '', path: '', ...objects }
  const decision = await authorizer.authorize(asked)
  if (decision.type === 'allow') return
  const fault = forbidden(path('spec', field), decision.error?.message ?? detail)
  throw invalid(resource, name, [fault])
}

/** As fmt prints upstream's user.DefaultInfo with `%v`. */
function printedUser({ name, uid = '', groups, extra = {} }: User): string {
  const printedExtra = Object.keys(extra)
    .toSorted()
    .map((key) => `${key}:[${extra[key]!.join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${printedExtra.join(' ')}]}`
}

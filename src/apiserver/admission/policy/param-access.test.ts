import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  configMaps,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../api/generated/resources.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Resource } from '../../../machinery/resource.ts'
import type { Attributes } from '../../authorization/authorizer.ts'
import type { ServedResource } from '../../registry/served-resource.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { memoryObjects } from '../testing/memory-objects.ts'
import { createParamAccessCheck } from './param-access.ts'

const alice = { name: 'alice', uid: '1', groups: ['a', 'b'], extra: { z: ['1', '2'], y: [] } }
const printedAlice = '&{alice 1 [a b] map[y:[] z:[1 2]]}'
const configMapKind = { apiVersion: 'v1', kind: 'ConfigMap' }
const policy = (paramKind?: object) => ({
  metadata: { name: 'p' },
  spec: { ...(paramKind && { paramKind }) },
})
const binding = (paramRef?: object, policyName = 'p') => ({
  metadata: { name: 'b' },
  spec: { policyName, ...(paramRef && { paramRef }) },
})

interface Asked {
  readonly asked: string[]
  readonly refusal: string | undefined
}

/** What is asked of the authoriser, `verb group/version/resource namespace/name`, and how the write is refused. */
async function check(
  resource: Resource,
  object: object,
  options: Partial<AdmissionRequest> = {},
): Promise<Asked> {
  const asked: string[] = []
  const objects = memoryObjects()
  objects.put(validatingAdmissionPolicies, policy(configMapKind))
  objects.put(mutatingAdmissionPolicies, policy(configMapKind))
  const authorize = ({ verb, group, version, resource, namespace, name }: Attributes) => {
    asked.push(`${verb} ${group}/${version}/${resource} ${namespace}/${name}`)
    return { type: 'noOpinion', reason: '' } as const
  }
  const plugin = createParamAccessCheck({
    objects,
    authorizer: { name: 'test', authorize },
    servedKind: ({ version, ...kind }) =>
      version === 'v1' && 'kind' in kind && kind.kind === 'ConfigMap'
        ? ({ resource: configMaps } as ServedResource)
        : undefined,
  })
  const request = {
    operation: 'CREATE',
    resource,
    subresource: '',
    name: (object as KubernetesObject).metadata?.name ?? '',
    object,
    user: alice,
    ...options,
  } as AdmissionRequest
  if (!plugin.handles(request)) return { asked, refusal: undefined }
  try {
    await plugin.validate?.(request)
    return { asked, refusal: undefined }
  } catch (error) {
    return { asked, refusal: (error as Error).message }
  }
}

const kindRefusal = (apiVersion: string, name: string) =>
  `spec.paramKind: Forbidden: user ${printedAlice} must have "get" permission on all objects of the referenced paramKind ` +
  `(kind=${name}, apiVersion=${apiVersion})`

const rows: readonly (readonly [
  why: string,
  resource: Resource,
  object: object,
  options: Partial<AdmissionRequest>,
  asked: string | undefined,
  refusal?: string,
])[] = [
  ['a policy without parameters', validatingAdmissionPolicies, policy(), {}, undefined],
  [
    'a policy with parameters',
    validatingAdmissionPolicies,
    policy(configMapKind),
    {},
    'get /v1/configmaps */*',
    kindRefusal('v1', 'ConfigMap'),
  ],
  [
    'a policy with parameters that nobody serves',
    mutatingAdmissionPolicies,
    policy({ apiVersion: 'a.b/v2', kind: 'None' }),
    {},
    'get a.b/v2/* */*',
    kindRefusal('a.b/v2', 'None'),
  ],
  [
    'a policy with the same parameters as before',
    validatingAdmissionPolicies,
    policy(configMapKind),
    { operation: 'UPDATE', oldObject: policy(configMapKind) },
    undefined,
  ],
  [
    'a policy of the administrators',
    validatingAdmissionPolicies,
    policy(configMapKind),
    { user: { name: 'admin', groups: ['system:masters'] } },
    undefined,
  ],
  ['a status', validatingAdmissionPolicies, policy(configMapKind), { subresource: 'status' }, undefined],
  ['a binding without parameters', validatingAdmissionPolicyBindings, binding(), {}, undefined],
  [
    'a binding to one object',
    validatingAdmissionPolicyBindings,
    binding({ name: 'c', namespace: 'n' }),
    {},
    'get /v1/configmaps n/c',
    `spec.paramRef: Forbidden: user get does not have "${printedAlice}" permission on the object referenced by paramRef`,
  ],
  [
    'a binding to what is selected, as before',
    mutatingAdmissionPolicyBindings,
    binding({ selector: {} }),
    { operation: 'UPDATE', oldObject: binding({ selector: {} }) },
    'list /v1/configmaps /',
    `spec.paramRef: Forbidden: user list does not have "${printedAlice}" permission on the object referenced by paramRef`,
  ],
  [
    'a binding of a policy that is not there',
    mutatingAdmissionPolicyBindings,
    binding({ name: 'c' }, 'q'),
    {},
    'get */*/* /c',
    `spec.paramRef: Forbidden: user get does not have "${printedAlice}" permission on the object referenced by paramRef`,
  ],
]

for (const [why, resource, object, options, asked, refusal] of rows) {
  test(`${why} takes the right to ${asked ?? 'write it alone'}`, async () => {
    const result = await check(resource, object, options)
    assert.deepEqual(result.asked, asked === undefined ? [] : [asked])
    const { name } = (object as KubernetesObject).metadata!
    const expected =
      refusal && `${resource.kind}.admissionregistration.k8s.io "${name}" is invalid: ${refusal}`
    assert.equal(result.refusal, expected)
  })
}

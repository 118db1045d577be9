import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../../machinery/field-error.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { ResourceDefinition } from '../definition.ts'
import {
  mutatingAdmissionPolicyBindingDefinition,
  validatingAdmissionPolicyBindingDefinition,
} from './policy-binding.ts'
import { validateRule } from './validate-rules.ts'
import {
  mutatingWebhookConfigurationDefinition,
  validatingWebhookConfigurationDefinition,
} from './webhook-configuration.ts'

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] } as const
const webhook = {
  name: 'a.example.com',
  clientConfig: { url: 'https://example.com/x' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  rules: [rule],
}

function faults(definition: unknown, object: unknown, previous?: unknown): readonly string[] {
  const { strategy } = definition as ResourceDefinition
  const copy = structuredClone(object) as Writable<KubernetesObject>
  strategy.defaults?.(copy)
  const errors = previous ? strategy.validateUpdate?.(copy, previous) : strategy.validate?.(copy)
  return (errors ?? []).map(fieldErrorText)
}

test('webhook configurations have upstream’s defaults', () => {
  const configuration = { webhooks: [structuredClone({ ...webhook, clientConfig: { service: {} } })] }
  ;(mutatingWebhookConfigurationDefinition as unknown as ResourceDefinition).strategy.defaults?.(
    configuration as Writable<KubernetesObject>,
  )
  assert.deepEqual(configuration.webhooks[0], {
    ...webhook,
    clientConfig: { service: { port: 443 } },
    rules: [{ ...rule, scope: '*' }],
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    reinvocationPolicy: 'Never',
  })
})

const wrongWebhooks: readonly (readonly [object, readonly string[]])[] = [
  [{}, []],
  [
    { name: 'a' },
    [
      'webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots',
    ],
  ],
  [{ name: '' }, ['webhooks[0].name: Required value']],
  [
    { sideEffects: 'Some' },
    ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
  ],
  [
    { sideEffects: undefined },
    ['webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun'],
  ],
  [
    { timeoutSeconds: 31 },
    ['webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds'],
  ],
  [
    { failurePolicy: 'x' },
    ['webhooks[0].failurePolicy: Unsupported value: "x": supported values: "Fail", "Ignore"'],
  ],
  [
    { matchPolicy: 'x' },
    ['webhooks[0].matchPolicy: Unsupported value: "x": supported values: "Equivalent", "Exact"'],
  ],
  [
    { admissionReviewVersions: [] },
    ['webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1'],
  ],
  [
    { admissionReviewVersions: ['v2', 'v2'] },
    [
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
    ],
  ],
  [
    { clientConfig: {} },
    ['webhooks[0].clientConfig: Required value: exactly one of url or service is required'],
  ],
]
for (const [fields, expected] of wrongWebhooks) {
  test(`a webhook with ${JSON.stringify(fields)}`, () => {
    const object = { webhooks: [{ ...webhook, ...fields }] }
    assert.deepEqual(faults(validatingWebhookConfigurationDefinition, object), expected)
  })
}

test('webhooks of one configuration have different names, unless they had not before', () => {
  const twice = { webhooks: [webhook, webhook] }
  assert.deepEqual(faults(validatingWebhookConfigurationDefinition, twice), [
    'webhooks[1].name: Duplicate value: "a.example.com"',
  ])
  assert.deepEqual(faults(validatingWebhookConfigurationDefinition, twice, twice), [])
})

const rules: readonly (readonly [object, readonly string[]])[] = [
  [{ operations: [] }, ['r.operations: Required value']],
  [
    { operations: ['*', 'CREATE'] },
    [`r.operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`],
  ],
  [
    { operations: ['READ'] },
    [
      'r.operations[0]: Unsupported value: "READ": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
    ],
  ],
  [
    { apiGroups: ['*', 'a'] },
    [`r.apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other API groups`],
  ],
  [{ apiVersions: [''] }, ['r.apiVersions[0]: Required value']],
  [
    { resources: ['a/*', 'a/b'] },
    [`r.resources[1]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b`],
  ],
  [
    { resources: ['*/b', 'a/b'] },
    [`r.resources[1]: Invalid value: "a/b": if '*/b' is present, must not specify a/b`],
  ],
  [
    { resources: ['*/*', 'a/b'] },
    [`r.resources: Invalid value: ["*/*","a/b"]: if '*/*' is present, must not specify other resources`],
  ],
  [
    { resources: ['*', 'a'] },
    [
      `r.resources: Invalid value: ["*","a"]: if '*' is present, must not specify other resources without subresources`,
    ],
  ],
  [{ scope: 'x' }, ['r.scope: Unsupported value: "x": supported values: "*", "Cluster", "Namespaced"']],
]
for (const [fields, expected] of rules) {
  test(`validateRule: ${JSON.stringify(fields)}`, () => {
    const errors = validateRule({ ...rule, ...fields }, path('r'))
    assert.deepEqual(errors.map(fieldErrorText), expected)
  })
}

const bindings: readonly (readonly [object, readonly string[]])[] = [
  [
    { validationActions: [] },
    ['spec.validationActions: Required value: at least one validation action is required'],
  ],
  [
    { validationActions: ['Deny', 'Warn'] },
    [
      'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same ' +
        'validation failure information in the API response and headers serves no purpose)',
    ],
  ],
  [{ policyName: '' }, ['spec.policyName: Required value']],
  [
    { paramRef: {} },
    [
      'spec.paramRef: Required value: one of name or selector must be specified',
      'spec.paramRef.parameterNotFoundAction: Required value',
    ],
  ],
  [
    { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
    [
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
    ],
  ],
]
for (const [fields, expected] of bindings) {
  test(`a binding with ${JSON.stringify(fields)}`, () => {
    const object = { spec: { policyName: 'p', validationActions: ['Deny'], ...fields } }
    assert.deepEqual(faults(validatingAdmissionPolicyBindingDefinition, object), expected)
  })
}

test('a mutating binding is for what can be changed', () => {
  const matchResources = { resourceRules: [{ ...rule, operations: ['DELETE'] }] }
  assert.deepEqual(
    faults(mutatingAdmissionPolicyBindingDefinition, { spec: { policyName: 'p', matchResources } }),
    [
      'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", ' +
        '"CREATE", "UPDATE"',
    ],
  )
})

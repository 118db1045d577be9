import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { changeFaults, definitionOf, faults } from '../testing/strategy-faults.ts'
import { loadExpressions } from './expression-loader.ts'

const validating = 'validatingadmissionpolicies.admissionregistration.k8s.io'
const mutating = 'mutatingadmissionpolicies.admissionregistration.k8s.io'

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }
const validatingPolicy = (spec: object) => ({
  metadata: { name: 'p' },
  spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }], ...spec },
})
const mutatingPolicy = (spec: object) => ({
  metadata: { name: 'p' },
  spec: {
    matchConstraints: { resourceRules: [rule] },
    reinvocationPolicy: 'Never',
    mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }],
    ...spec,
  },
})
const annotations = Array.from({ length: 21 }, (_, index) => ({ key: `k${index}`, valueExpression: '"a"' }))
const printedAnnotations = annotations.map(({ key }) => `{"Key":"${key}","ValueExpression":"\\"a\\""}`)

const undefinedField = `compilation failed: ERROR: <input>:1:10: undefined field 'a'\n | variables.a\n | .........^`

const rows: readonly (readonly [why: string, kind: string, policy: object, ...faults: string[]])[] = [
  ['that is fine', validating, validatingPolicy({})],
  ['that is fine', mutating, mutatingPolicy({})],
  [
    'with a variable that nobody could name',
    validating,
    validatingPolicy({ variables: [{ name: 'a-b', expression: '1' }] }),
    'spec.variables[0].name: Invalid value: "a-b": must be a valid CEL identifier',
  ],
  [
    'with a variable that says nothing, which no other knows',
    validating,
    validatingPolicy({
      variables: [
        { name: 'a', expression: ' ' },
        { name: 'b', expression: 'variables.a' },
      ],
    }),
    'spec.variables[0].expression: Required value: expression is not specified',
    `spec.variables[1].expression: Invalid value: "variables.a": ${undefinedField}`,
  ],
  [
    'with a patch by a variable that is none',
    mutating,
    mutatingPolicy({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: 'variables.a' } }] }),
    `spec.mutations[0].jsonPatch.expression: Invalid value: "variables.a": ${undefinedField}`,
  ],
  [
    'with messages that say nothing',
    validating,
    validatingPolicy({ validations: [{ expression: 'true', message: ' ', messageExpression: ' ' }] }),
    'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
    'spec.validations[0].message: Invalid value: " ": must be non-empty if specified',
  ],
  [
    'with a message of two lines',
    validating,
    validatingPolicy({ validations: [{ expression: 'true', message: 'a\nb' }] }),
    'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
  ],
  [
    'with too many annotations',
    validating,
    validatingPolicy({ auditAnnotations: annotations }),
    `spec.auditAnnotations: Invalid value: [${printedAnnotations.join(',')}]: must not have more than 20 auditAnnotations`,
  ],
  [
    'with an annotation that is no text, as it is written',
    validating,
    validatingPolicy({ auditAnnotations: [{ key: 'a', valueExpression: ' 1 ' }] }),
    'spec.auditAnnotations[0].valueExpression: Invalid value: " 1 ": must evaluate to one of [string null_type] but got int',
  ],
  [
    'that is invoked again at will',
    mutating,
    mutatingPolicy({ reinvocationPolicy: 'x' }),
    'spec.reinvocationPolicy: Unsupported value: "x": supported values: "IfNeeded", "Never"',
  ],
  [
    'with a patch that is none, without the lines around it',
    mutating,
    mutatingPolicy({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '\n1\n' } }] }),
    'spec.mutations[0].jsonPatch.expression: Invalid value: "1": must evaluate to list(JSONPatch) but got int',
  ],
]

before(loadExpressions)

for (const [why, kind, policy, ...expected] of rows) {
  test(`a policy of ${kind} ${why}`, () => {
    assert.deepEqual(faults(kind, policy), expected)
    assert.deepEqual(changeFaults(kind, policy, policy), expected)
  })
}

test('a binding names the resources that it is for as upstream does', () => {
  const binding = {
    metadata: { name: 'b' },
    spec: { policyName: 'p', validationActions: ['Deny'], matchResources: { matchPolicy: 'x' } },
  }
  assert.deepEqual(faults('validatingadmissionpolicybindings.admissionregistration.k8s.io', binding), [
    'spec.matchResources.matchPolicy: Unsupported value: "x": supported values: "Equivalent", "Exact"',
  ])
})

for (const kind of [
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]) {
  test(`${kind} have no names of files without a warning`, () => {
    const { strategy } = definitionOf(`${kind}.admissionregistration.k8s.io`)
    const warningsOf = (name: string) => strategy.warnings?.({ metadata: { name } })
    assert.deepEqual(warningsOf('a.k8s.io'), [])
    assert.deepEqual(warningsOf('a.static.k8s.io'), [
      'metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API',
    ])
  })
}

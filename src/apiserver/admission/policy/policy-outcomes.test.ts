import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ValidatingAdmissionPolicySpec } from '../../../api/generated/admissionregistration.v1.ts'
import { usePolicyServer } from '../testing/policy-server.ts'

const denied = (detail: string) =>
  `422 Invalid: configmaps "c" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: ${detail}`
const outOfBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run'

const failing = 'string(object.missing)'
const ten = '[0,1,2,3,4,5,6,7,8,9]'
/** True, at a cost a little below what one evaluation may cost. */
const costly = `${ten}.all(a, ${ten}.all(b, ${ten}.all(c, ${ten}.all(d, ${ten}.all(e, true)))))`
const times = <T>(count: number, item: T) => Array.from({ length: count }, () => item)

const outcomes: readonly (readonly [string, ValidatingAdmissionPolicySpec, string])[] = [
  [
    'costs too much in all is that alone, whatever was found before',
    { validations: [{ expression: 'false', message: 'no' }, ...times(60, { expression: costly })] },
    denied(outOfBudget),
  ],
  [
    'costs too much in all is ignored with all that was found',
    {
      failurePolicy: 'Ignore',
      validations: [{ expression: 'false', message: 'no' }, ...times(60, { expression: costly })],
    },
    'no refusal',
  ],
  [
    'has messages that cost too much is refused for them',
    {
      validations: times(60, { expression: 'true', messageExpression: `${costly} ? 'a' : 'b'` }),
    },
    denied(`failed messageExpression: ${outOfBudget}`),
  ],
  [
    'has conditions that cost too much is refused, though one excludes the request',
    {
      matchConditions: [
        { name: 'never', expression: 'false' },
        ...Array.from({ length: 20 }, (_, index) => ({ name: `c${index}`, expression: costly })),
      ],
      validations: [{ expression: 'true' }],
    },
    denied(outOfBudget),
  ],
  [
    'has annotations that fail is refused',
    { auditAnnotations: [{ key: 'k', valueExpression: failing }] },
    denied(`expression '${failing}' resulted in error: no such key: missing`),
  ],
  [
    'asks who may do what in an annotation is refused',
    {
      auditAnnotations: [
        { key: 'k', valueExpression: "authorizer.group('').resource('pods').check('get').reason()" },
      ],
    },
    denied(
      "expression 'authorizer.group('').resource('pods').check('get').reason()' resulted in error: no such attribute(s): authorizer",
    ),
  ],
  [
    'asks who may do what in the variables of a message says what it says without',
    {
      variables: [
        {
          name: 'may',
          expression: "'because' + authorizer.group('').resource('pods').check('get').reason()",
        },
      ],
      validations: [{ expression: 'false', messageExpression: 'variables.may', message: 'plain' }],
    },
    denied('plain'),
  ],
]

describe('a validating policy', () => {
  const server = usePolicyServer()

  for (const [name, spec, expected] of outcomes) {
    it(`that ${name}`, async () => {
      await server.validating(spec)
      assert.equal(await server.create(), expected)
    })
  }

  it('refuses for its annotations where its binding only warns', async () => {
    await server.validating(
      { auditAnnotations: [{ key: 'k', valueExpression: failing }] },
      { validationActions: ['Warn'] },
    )
    assert.equal(
      await server.create(),
      denied(`expression '${failing}' resulted in error: no such key: missing`),
    )
    assert.deepEqual(server.requests.warnings, [])
  })

  it('annotates beside a refusal', async () => {
    await server.validating({
      validations: [{ expression: 'false', message: 'no' }],
      auditAnnotations: [{ key: 'k', valueExpression: "' ' + object.metadata.name + ' '" }],
    })
    assert.equal(await server.create(), denied('no'))
    assert.equal(server.requests.notes.get('p/k'), 'c')
  })

  it('is counted when it refuses or fails, not when it allows', async () => {
    await server.validating({ validations: [{ expression: 'true' }] }, {}, 'counted-true')
    await server.validating(
      { failurePolicy: 'Ignore', validations: [{ expression: 'object.data.missing == 1' }] },
      {},
      'counted-ignored',
    )
    await server.validating({ validations: [{ expression: 'false' }] }, {}, 'counted-false')
    await server.create()
    const { text } = await server.client.send('/metrics')
    const counted = text.matchAll(
      /^apiserver_validating_admission_policy_check_total\{policy="counted-(\w+)".*error_type="(\w+)",enforcement_action="(\w+)"/gm,
    )
    assert.deepEqual(Array.from(counted, ([, ...labels]) => labels.join(' ')).toSorted(), [
      'false invalid_error deny',
      'ignored invalid_error allow',
    ])
  })

  it('has its conditions counted', async () => {
    await server.validating({
      matchConditions: [{ name: 'c', expression: 'object.data.missing == 1' }],
      validations: [{ expression: 'true' }],
    })
    await server.create()
    const { text } = await server.client.send('/metrics')
    assert.match(
      text,
      /apiserver_admission_match_condition_evaluation_errors_total\{name="p",kind="policy",type="validate",operation="CREATE"\} [1-9]/,
    )
  })
})

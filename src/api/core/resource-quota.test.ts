import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import { resourceQuotaDefinition } from './resource-quota.ts'

const notStandard = (name: string) =>
  `spec.hard[${name}]: Invalid value: "${name}": must be a standard resource for quota`

const rows: readonly (readonly [name: string, errors: readonly string[]])[] = [
  ['cpu', []],
  ['requests.storage', []],
  ['services.nodeports', []],
  ['hugepages-2Mi', []],
  ['requests.hugepages-2Mi', []],
  ['count/deployments.apps', []],
  ['requests.example.com/gpu', []],
  ['nope', [notStandard('nope')]],
  ['limits.storage', [notStandard('limits.storage')]],
]

for (const [name, expected] of rows) {
  test(`a quota ${expected.length === 0 ? 'may' : 'cannot'} limit ${name}`, () => {
    const quota = { metadata: { name: 'q', namespace: 'n' }, spec: { hard: { [name]: '1' } } }
    assert.deepEqual(resourceQuotaDefinition.strategy.validate?.(quota).map(fieldErrorText), expected)
  })
}

const scopeRows: readonly (readonly [scopes: readonly string[], hard: string, ...faults: string[]])[] = [
  [['BestEffort'], 'pods'],
  [['BestEffort'], 'cpu', 'Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
  [
    ['Terminating', 'NotTerminating'],
    'cpu',
    'Invalid value: ["Terminating","NotTerminating"]: conflicting scopes',
  ],
  [['Odd'], 'pods', 'Invalid value: ["Odd"]: unsupported scope'],
]
for (const [scopes, hard, ...faults] of scopeRows) {
  test(`a quota of ${hard} for ${scopes.join(' and ')} is ${faults.length === 0 ? 'allowed' : 'refused'}`, () => {
    const quota = { metadata: { name: 'q' }, spec: { hard: { [hard]: '1' }, scopes: scopes as never } }
    assert.deepEqual(
      resourceQuotaDefinition.strategy.validate?.(quota).map(fieldErrorText),
      faults.map((fault) => `spec.scopes: ${fault}`),
    )
  })
}

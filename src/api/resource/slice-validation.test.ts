import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceSlice } from '../generated/resource.v1.ts'
import type { Writable } from '../../machinery/meta.ts'
import { changeFaults, decoded, definitionOf, faults, label, subdomain } from '../testing/strategy-faults.ts'

/*
 * What upstream says of slices of devices. Source: kubernetes/pkg/apis/resource/validation and
 * kubernetes/pkg/registry/resource/resourceslice of v1.36.
 */

const slices = 'resourceslices.resource.k8s.io'
const sliceOf = (spec: object) => ({
  metadata: { name: 's' },
  spec: { driver: 'd', pool: { name: 'p', resourceSliceCount: 1 }, allNodes: true, ...spec },
})
const withDevice = (device: object, spec: object = {}) =>
  sliceOf({ devices: [{ name: 'g', ...device }], ...spec })
const inDevice = 'spec.devices[0]'
const names = (count: number, prefix = 'a') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)
const shared = (requestPolicy: object, value = '10') =>
  withDevice({ allowMultipleAllocations: true, capacity: { c: { value, requestPolicy } } })
const inPolicy = `${inDevice}.capacity[c].requestPolicy`
const conditions = (spec: object) => withDevice(spec)
const longName = `${'d'.repeat(50)}/${'n'.repeat(60)}`

const creations: readonly (readonly [what: string, object: object, ...faults: string[]])[] = [
  [
    'pool and driver',
    sliceOf({ driver: 'x'.repeat(64), pool: { name: 'a'.repeat(254), generation: -1 } }),
    'spec.driver: Too long: may not be more than 63 bytes',
    'spec.pool.name: Too long: may not be more than 253 bytes',
    'spec.pool.name: Invalid value: "' + 'a'.repeat(254) + '": must be no more than 253 characters',
    'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
    'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
  ],
  [
    'terms of a node selector, as the server keeps them',
    sliceOf({
      allNodes: undefined,
      nodeSelector: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }, {}],
      },
    }),
    'spec.nodeSelector.nodeSelectorTerms: Invalid value: [{"MatchExpressions":null,"MatchFields":[{"Key":"metadata.name","Operator":"In","Values":["n"]}]},{"MatchExpressions":null,"MatchFields":null}]: must have exactly one node selector term',
  ],
  [
    'devices and counters together',
    sliceOf({
      devices: [{ name: 'g' }],
      sharedCounters: [
        { name: '', counters: {} },
        { name: 'c', counters: { A: { value: '1' } } },
      ],
    }),
    'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
    'spec.sharedCounters[0].name: Required value',
    'spec.sharedCounters[0].counters: Required value',
    `spec.sharedCounters[1].counters: Invalid value: "A": ${label}`,
  ],
  [
    'too many counters and sets of them',
    sliceOf({ sharedCounters: names(9).map((name) => ({ name })) }),
    'spec.sharedCounters: Too many: 9: must have at most 8 items',
  ],
  [
    'too many devices that are tainted',
    sliceOf({ devices: names(65).map((name) => ({ name, taints: [{ key: 'k', effect: 'None' }] })) }),
    'spec.devices: Too many: 65: must have at most 64 items',
  ],
  ['as many devices as there may be', sliceOf({ devices: names(128).map((name) => ({ name })) })],
  [
    'too many attributes',
    withDevice({ attributes: Object.fromEntries(names(49).map((name) => [name, { int: 1 }])) }),
    `${inDevice}: Invalid value: 49: the total number of attributes and capacities must not exceed 32`,
    `${inDevice}: Invalid value: 49: the total number of attribute values must not exceed 48`,
  ],
  [
    'attributes',
    withDevice({
      attributes: {
        'a/b/c': { bool: false },
        [longName]: {},
        both: { int: 7, string: 'x' },
        v: { version: '1.0' },
        s: { string: 'x'.repeat(65) },
      },
    }),
    `${inDevice}.attributes: Too long: may not be more than 32 bytes`,
    `${inDevice}.attributes[${'d'.repeat(47)}...${'n'.repeat(46)}]: Invalid value: "": exactly one value must be specified`,
    `${inDevice}.attributes[both]: Invalid value: {"IntValue":7,"BoolValue":null,"StringValue":"x","VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified`,
    `${inDevice}.attributes[v].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0`,
    `${inDevice}.attributes[s].string: Too long: may not be more than 64 bytes`,
  ],
  [
    'taints',
    withDevice({
      taints: [
        { key: '', effect: '' },
        { key: 'k', value: '-', effect: 'PreferNoSchedule' },
      ],
    }),
    `${inDevice}.taints[0].key: Invalid value: "": name part must be non-empty`,
    `${inDevice}.taints[0].key: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    `${inDevice}.taints[0].effect: Required value`,
    `${inDevice}.taints[1].value: Invalid value: "-": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    `${inDevice}.taints[1].effect: Unsupported value: "PreferNoSchedule": supported values: "NoExecute", "NoSchedule", "None"`,
  ],
  [
    'what a device consumes',
    withDevice({
      consumesCounters: [{ counterSet: 'c' }, { counterSet: 'c', counters: { a: { value: '1' } } }],
    }),
    `${inDevice}.consumesCounters[0].counters: Required value`,
    `${inDevice}.consumesCounters[1]: Duplicate value: "c"`,
  ],
  [
    'where a device is, that says it for itself',
    withDevice({ nodeName: '', allNodes: false }, { allNodes: undefined, perDeviceNodeSelection: true }),
    `${inDevice}.nodeName: Invalid value: "": must not be empty`,
    `${inDevice}.allNodes: Invalid value: false: must be either unset or set to true`,
    `${inDevice}: Required value: exactly one of \`nodeName\`, \`nodeSelector\`, or \`allNodes\` is required when \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
  ],
  [
    'where a device is, that may not say it',
    withDevice({ nodeName: 'n' }),
    `${inDevice}: Invalid value: null: \`nodeName\`, \`nodeSelector\` and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`,
  ],
  [
    'conditions that are wanted twice, or too often',
    conditions({ bindingConditions: ['a', 'a', 'b', 'c', 'd'], bindingFailureConditions: ['a', 'a', '-'] }),
    `${inDevice}.bindingConditions: Too many: 5: must have at most 4 items`,
    `${inDevice}.bindingFailureConditions[2]: Invalid value: "-": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    `${inDevice}.bindingConditions[1]: Duplicate value: "a"`,
    `${inDevice}.bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions`,
    `${inDevice}.bindingFailureConditions[1]: Duplicate value: "a"`,
    `${inDevice}.bindingFailureConditions[1]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions`,
  ],
  [
    'conditions of failure alone',
    conditions({ bindingFailureConditions: ['a'] }),
    `${inDevice}.bindingConditions: Invalid value: null: bindingConditions are required to use bindingFailureConditions`,
  ],
  [
    'a policy of what cannot be shared',
    withDevice({ capacity: { c: { value: '1', requestPolicy: {} } } }),
    `${inPolicy}: Forbidden: allowMultipleAllocations must be true`,
  ],
  [
    'values of a policy',
    shared({ default: '7', validValues: ['2', '1500m', '1', '11'] }),
    `${inPolicy}.validValues[1]: Invalid value: "1500m": values must be sorted in ascending order`,
    `${inPolicy}.validValues[2]: Invalid value: "1": values must be sorted in ascending order`,
    `${inPolicy}.validValues[3]: Invalid value: "11": option is larger than capacity value: 10`,
    `${inPolicy}.validValues[1]: Duplicate value: "2"`,
    `${inPolicy}.validValues: Invalid value: "7": default value is not valid according to the requestPolicy`,
  ],
  [
    'too many values of a policy, which are not looked at',
    shared({ default: '1', validValues: names(11, '').map((text) => String(Number(text) + 1)) }, '20'),
    `${inPolicy}.validValues: Too many: 11: must have at most 10 items`,
    `${inPolicy}.validValues: Invalid value: "1": default value is not valid according to the requestPolicy`,
  ],
  [
    'a range of a policy',
    shared({ default: '1', validRange: { min: '20', max: '15', step: '3' } }),
    `${inPolicy}.validRange.min: Invalid value: "20": min is larger than capacity value: 10`,
    `${inPolicy}.validRange.min: Invalid value: "1": default is less than min: 20`,
    `${inPolicy}.validRange.max: Invalid value: "20": min is larger than max: 15`,
    `${inPolicy}.validRange.max: Invalid value: "15": max is larger than capacity value: 10`,
    `${inPolicy}.validRange.step: Invalid value: "3": one step 23 is larger than capacity value: 10`,
    `${inPolicy}.validRange.step: Invalid value: "1": value is not a multiple of a given step (3) from (20)`,
    `${inPolicy}.validRange.step: Invalid value: "15": value is not a multiple of a given step (3) from (20)`,
  ],
  [
    'a default beyond the range, and steps of nothing',
    shared({ default: '9', validRange: { min: '1', max: '8', step: '0' } }),
    `${inPolicy}.validRange.max: Invalid value: "9": default is more than max: 8`,
    `${inPolicy}.validRange.step: Invalid value: "0": must be greater than zero`,
  ],
  [
    'a policy by range and values',
    shared({ default: '1', validValues: ['1'], validRange: { min: '1' } }),
    `${inPolicy}: Forbidden: exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time`,
  ],
  [
    'a policy without default',
    shared({ validRange: { min: '1' } }),
    `${inPolicy}.default: Required value: required when validRange is defined`,
  ],
]

for (const [what, object, ...wanted] of creations)
  test(`${slices} are refused as upstream: ${what}`, () => assert.deepEqual(faults(slices, object), wanted))

const changes: readonly (readonly [what: string, before: object, after: object, ...faults: string[]])[] = [
  [
    'whose devices they are, which stays',
    sliceOf({ allNodes: undefined, nodeName: 'n' }),
    sliceOf({ driver: 'E_', pool: { name: 'q', resourceSliceCount: 1 } }),
    `spec.driver: Invalid value: "E_": ${subdomain}`,
    'spec.pool.name: Invalid value: "q": field is immutable',
    'spec.driver: Invalid value: "E_": field is immutable',
    'spec.nodeName: Invalid value: null: field is immutable',
  ],
  [
    'taints, which may be as they were',
    withDevice({ taints: [{ key: 'k', effect: 'Odd' }] }),
    withDevice({ taints: [{ key: 'k', effect: 'Odd' }], attributes: { a: { int: 1 } } }),
  ],
]

for (const [what, before, after, ...wanted] of changes)
  test(`changes of ${slices} are looked at: ${what}`, () =>
    assert.deepEqual(changeFaults(slices, before, after), wanted))

const withAlphaFields = (lists: object = { strings: ['x'] }) =>
  decoded(
    slices,
    withDevice({
      attributes: { a: { int: 1, ...lists } },
      nodeAllocatableResourceMappings: { cpu: { allocationMultiplier: '2' } },
    }),
  ) as Writable<ResourceSlice>

test('the strategy of slices drops what belongs to features that are off', () => {
  const { strategy } = definitionOf(slices)
  const by = { user: { name: 'u', groups: [] }, warn: () => {} }
  for (const prepare of [
    (slice: Writable<ResourceSlice>) => strategy.prepareForCreate!(slice, by),
    (slice: Writable<ResourceSlice>) => strategy.prepareForUpdate!(slice, decoded(slices, withDevice({}))),
  ]) {
    const slice = withAlphaFields({ ints: [1], bools: [true], strings: ['x'], versions: ['1.0.0'] })
    prepare(slice)
    assert.deepEqual(slice.spec.devices, [{ name: 'g', attributes: { a: { int: 1 } } }])
  }
})

test('the strategy of slices keeps what was there before a feature was off', () => {
  const slice = withAlphaFields()
  definitionOf(slices).strategy.prepareForUpdate!(slice, withAlphaFields())
  assert.deepEqual(slice.spec.devices, withAlphaFields().spec.devices)
})

test('the strategy of slices warns of drivers with capital letters', () => {
  const { warnings } = definitionOf(slices).strategy
  assert.deepEqual(warnings!(decoded(slices, sliceOf({ driver: 'D.example' }))), [
    'spec.driver: driver names should be lowercase; "D.example" contains uppercase characters',
  ])
  assert.deepEqual(warnings!(decoded(slices, sliceOf({}))), [])
})

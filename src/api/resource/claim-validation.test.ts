import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceClaim } from '../generated/resource.v1.ts'
import { changeFaults, decoded, definitionOf, faults, statusFaults } from '../testing/strategy-faults.ts'
import { fieldErrorText } from '../../machinery/field-error.ts'
import { loadSelectors } from './selector-loader.ts'

await loadSelectors()

/*
 * What upstream says of claims, their templates and classes of devices. Source: kubernetes/pkg/apis/resource/validation
 * of v1.36.
 */

const claims = 'resourceclaims.resource.k8s.io'
const templates = 'resourceclaimtemplates.resource.k8s.io'
const classes = 'deviceclasses.resource.k8s.io'
const exactly = { deviceClassName: 'c' }
const claimOf = (devices: object) => ({ metadata: { name: 'c', namespace: 'n' }, spec: { devices } })
const claimWith = (request: object) =>
  claimOf({ requests: [{ name: 'r', exactly: { ...exactly, ...request } }] })
const constrained = (constraint: object) =>
  claimOf({ requests: [{ name: 'r', exactly }], constraints: [constraint] })
const selecting = (expression: string) => claimWith({ selectors: [{ cel: { expression } }] })
const inRequest = 'spec.devices.requests[0].exactly'
const inSelector = `${inRequest}.selectors[0].cel.expression`
const identifier =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"

const creations: readonly (readonly [what: string, resource: string, object: object, ...faults: string[]])[] =
  [
    [
      'a constraint by both attributes, of which the first counts',
      claims,
      constrained({ matchAttribute: 'd/a', distinctAttribute: 'b' }),
    ],
    [
      'a constraint by neither',
      claims,
      constrained({}),
      'spec.devices.constraints[0]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    ],
    [
      'attribute names',
      claims,
      claimOf({
        requests: [{ name: 'r', exactly }],
        constraints: [
          { matchAttribute: 'a/b/c' },
          { matchAttribute: '/b' },
          { distinctAttribute: 'd/1' },
          { matchAttribute: `d/${'x'.repeat(33)}` },
        ],
      }),
      'spec.devices.constraints[1].matchAttribute: Invalid value: "": the domain must not be empty',
      `spec.devices.constraints[2].distinctAttribute: Invalid value: "1": ${identifier}`,
      'spec.devices.constraints[3].matchAttribute: Too long: may not be more than 32 bytes',
    ],
    [
      'more tolerations than are documented',
      claims,
      claimWith({
        tolerations: Array.from({ length: 17 }, (_, index) => ({ key: `k${index}`, operator: 'Exists' })),
      }),
    ],
    [
      'tolerations',
      claims,
      claimWith({
        tolerations: [
          { key: 'k', operator: 'Exists', value: 'v' },
          { key: 'k', operator: 'Odd', effect: 'PreferNoSchedule' },
        ],
      }),
      `${inRequest}.tolerations[0].value: Invalid value: "v": must be empty for operator \`Exists\``,
      `${inRequest}.tolerations[1].operator: Unsupported value: "Odd": supported values: "Equal", "Exists"`,
      `${inRequest}.tolerations[1].effect: Unsupported value: "PreferNoSchedule": supported values: "NoExecute", "NoSchedule", "None"`,
    ],
    [
      'an empty selector, as CEL says it',
      claims,
      selecting(''),
      `${inSelector}: Invalid value: "": compilation failed: ERROR: <input>:1:1: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | \n | ^`,
    ],
    [
      'a selector that is neither true nor false',
      claims,
      selecting('device.driver'),
      `${inSelector}: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string`,
    ],
    ['a selector that may be true or false', claims, selecting("device.attributes['d'].shared")],
    [
      'a selector that costs too much',
      claims,
      selecting(
        'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, true))))',
      ),
      `${inSelector}: Forbidden: too complex, exceeds cost limit`,
    ],
    [
      'what a request may leave out, and what not',
      claims,
      claimOf({
        requests: [
          { name: '-', exactly: { deviceClassName: '', allocationMode: 'Some', count: 3 } },
          { name: 'a', exactly, firstAvailable: [{ name: 's', deviceClassName: 'c' }] },
          {
            name: 'b',
            firstAvailable: [
              { name: 's', deviceClassName: 'c', allocationMode: 'ExactCount', count: -1 },
              { name: 's', deviceClassName: '' },
            ],
          },
        ],
        config: [{ requests: ['b/s', 'b/t', 'b/s/u', 'b/s'] }],
      }),
      `spec.devices.requests[0].name: Invalid value: "-": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
      `${inRequest}.deviceClassName: Required value`,
      `${inRequest}.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`,
      'spec.devices.requests[1]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
      'spec.devices.requests[2].firstAvailable[0].count: Invalid value: -1: must be greater than zero',
      'spec.devices.requests[2].firstAvailable[1].deviceClassName: Required value',
      'spec.devices.requests[2].firstAvailable[1]: Duplicate value: "s"',
      ...['b/t', 'b/s/u'].map(
        (name, index) =>
          `spec.devices.config[0].requests[${index + 1}]: Invalid value: "${name}": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
      ),
      'spec.devices.config[0].requests[3]: Duplicate value: "b/s"',
      'spec.devices.config[0].opaque: Required value',
    ],
    [
      'too many of everything, each alone',
      claims,
      claimOf({
        requests: Array.from({ length: 33 }, () => ({ name: '-' })),
        constraints: Array.from({ length: 33 }, () => ({})),
        config: Array.from({ length: 33 }, () => ({})),
      }),
      ...['requests', 'constraints', 'config'].map(
        (field) => `spec.devices.${field}: Too many: 33: must have at most 32 items`,
      ),
    ],
    [
      'metadata that a template cannot hold',
      templates,
      {
        metadata: { name: 't', namespace: 'n' },
        spec: {
          metadata: { name: 'c', uid: 'u', labels: { a: 'b' }, finalizers: ['a/b'] },
          spec: claimWith({}).spec,
        },
      },
      ...['name', 'uID', 'finalizers'].map((field) => `spec.metadata.${field}: Forbidden: cannot be set`),
    ],
    [
      'a class',
      classes,
      {
        metadata: { name: 'c' },
        spec: {
          selectors: [{}],
          config: [
            { opaque: { driver: 'D_', parameters: [] } },
            { opaque: { driver: '', parameters: null } },
          ],
          extendedResourceName: 'cpu',
        },
      },
      'spec.selectors[0].cel: Required value',
      `spec.config[0].opaque.driver: Invalid value: "D_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
      'spec.config[1].opaque.driver: Required value',
      'spec.config[1].opaque.parameters: Required value',
      'spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name',
    ],
  ]

for (const [what, resource, object, ...wanted] of creations)
  test(`${resource} refuses as upstream: ${what}`, () => assert.deepEqual(faults(resource, object), wanted))

const printedRequest =
  '{"Name":"r","Exactly":{"DeviceClassName":"c","Selectors":null,"AllocationMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}'
const printedSpec = `{"Devices":{"Requests":[${printedRequest}],"Constraints":null,"Config":null}}`
const longConfiguration = (length: number) => ({ driver: 'd', parameters: { long: 'x'.repeat(length) } })
const classOf = (spec: object) => ({ metadata: { name: 'c' }, spec })
const changes: readonly (readonly [
  what: string,
  resource: string,
  before: object,
  after: object,
  ...faults: string[],
])[] = [
  [
    'a spec, that stays as it is',
    claims,
    claimOf({}),
    claimWith({}),
    `spec: Invalid value: ${printedSpec}: field is immutable`,
  ],
  [
    'a spec that was refused today, and stays as it is',
    claims,
    claimOf({ constraints: [{}] }),
    { ...claimOf({ constraints: [{}] }), metadata: { name: 'c', labels: { a: 'b' } } },
  ],
  [
    'a template, that stays as it is',
    templates,
    { metadata: { name: 't' }, spec: { spec: claimOf({}).spec } },
    { metadata: { name: 't' }, spec: { metadata: { labels: { a: 'b' } }, spec: claimWith({}).spec } },
    `spec: Invalid value: {"labels":{"a":"b"},"Spec":${printedSpec}}: field is immutable`,
  ],
  [
    'what of a class is as it was, which may be longer than today',
    classes,
    classOf({ config: [{ opaque: longConfiguration(11_000) }] }),
    classOf({ config: [{ opaque: longConfiguration(11_000) }], extendedResourceName: 'e.example/a' }),
  ],
  [
    'what of a class is new',
    classes,
    classOf({ config: [{ opaque: longConfiguration(11_000) }] }),
    classOf({ config: [{ opaque: longConfiguration(11_001) }] }),
    'spec.config[0].opaque.parameters: Too long: may not be more than 10240 bytes',
  ],
]

for (const [what, resource, before, after, ...wanted] of changes)
  test(`${resource} looks at ${what}`, () => assert.deepEqual(changeFaults(resource, before, after), wanted))

const uid = '11111111-1111-1111-1111-111111111111'
const result = { request: 'r', driver: 'd', pool: 'p', device: 'g' }
const allocated = (...results: object[]) => ({ devices: { results } })
const withStatus = (status: object, metadata: object = {}) => ({
  ...claimWith({}),
  metadata: { name: 'c', namespace: 'n', ...metadata },
  status,
})
const shown = '{"Driver":{},"Pool":{},"Device":{},"ShareID":{}}'
const inDevice = 'status.devices[0]'
const printedResult = (device: string) =>
  `{"Request":"r","Driver":"d","Pool":"p","Device":"${device}","AdminAccess":null,"Tolerations":null,"BindingConditions":null,"BindingFailureConditions":null,"ShareID":null,"ConsumedCapacity":null}`

const statuses: readonly (readonly [what: string, before: object, after: object, ...faults: string[]])[] = [
  [
    'an allocation, that stays as it is',
    withStatus({ allocation: allocated(result) }),
    withStatus({ allocation: allocated({ ...result, device: 'h' }) }),
    `status.allocation: Invalid value: {"Devices":{"Results":[${printedResult('h')}],"Config":null},"NodeSelector":null,"AllocationTimestamp":null}: field is immutable`,
  ],
  [
    'results',
    withStatus({}),
    withStatus({
      allocation: allocated(
        { ...result, request: 'x', driver: '', pool: 'a//b', shareID: 'u' },
        { ...result, shareID: uid.toUpperCase().replaceAll('1', 'A'), bindingConditions: ['a'] },
        { ...result, shareID: uid.replace('1', 'g') },
        { ...result, shareID: `{${uid}}` },
      ),
    }),
    'status.allocation.devices.results[0].request: Invalid value: "x": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
    'status.allocation.devices.results[0].driver: Required value',
    `status.allocation.devices.results[0].pool: Invalid value: "": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    'status.allocation.devices.results[0].shareID: Invalid value: "u": error validating uid: invalid UUID length: 1',
    'status.allocation.devices.results[1].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions',
    'status.allocation.devices.results[1].shareID: Invalid value: "AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA": uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters',
    'status.allocation.devices.results[2].shareID: Invalid value: "g1111111-1111-1111-1111-111111111111": error validating uid: invalid UUID format',
    `status.allocation.devices.results[3].shareID: Invalid value: "{${uid}}": uid must be in RFC 4122 normalized form, \`xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx\` with lowercase hexadecimal characters`,
  ],
  [
    'devices',
    withStatus({ allocation: allocated(result) }),
    withStatus({
      allocation: allocated(result),
      devices: [
        {
          driver: 'd',
          pool: 'p',
          device: 'g',
          networkData: { interfaceName: 'ä'.repeat(129), hardwareAddress: 'x'.repeat(129), ips: ['1.2.3.4'] },
        },
        { driver: 'd', pool: 'p', device: 'h' },
        { driver: 'd', pool: 'p', device: 'g' },
      ],
    }),
    `${inDevice}.networkData.interfaceName: Too long: may not be more than 256 bytes`,
    `${inDevice}.networkData.hardwareAddress: Too long: may not be more than 128 bytes`,
    `${inDevice}.networkData.ips[0]: Invalid value: "1.2.3.4": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)`,
    `status.devices[1]: Invalid value: ${shown}: must be an allocated device in the claim`,
    `status.devices[2]: Duplicate value: ${shown}`,
  ],
  [
    'consumers',
    withStatus(
      { allocation: allocated(result), reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
    ),
    withStatus(
      {
        allocation: allocated(result),
        reservedFor: [
          { resource: 'pods', name: 'p', uid: 'u' },
          { resource: '', name: '', uid: 'u' },
        ],
      },
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
    ),
    'status.reservedFor[1].resource: Required value',
    'status.reservedFor[1].name: Required value',
    'status.reservedFor[1]: Duplicate value: "u"',
    'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
  ],
]

for (const [what, before, after, ...wanted] of statuses)
  test(`the status of claims is looked at: ${what}`, () =>
    assert.deepEqual(statusFaults(claims, before, after), wanted))

test('the status of a claim loses what is said of devices that are no longer allocated, and of those alone', () => {
  const before = withStatus({ allocation: allocated(result, { ...result, shareID: uid }) })
  const entries = [
    { driver: 'd', pool: 'p', device: 'g' },
    { driver: 'd', pool: 'p', device: 'g', shareID: uid },
    { driver: 'd', pool: 'p', device: 'never' },
  ]
  const after = decoded(claims, withStatus({ allocation: allocated(result), devices: entries }))
  definitionOf(claims).strategy.status!.prepareForUpdate!(after, decoded(claims, before))
  const { devices = [] } = (after as unknown as ResourceClaim).status!
  assert.deepEqual(
    devices.map(({ device, shareID }) => [device, shareID]),
    [
      ['g', undefined],
      ['never', undefined],
    ],
  )
})

test('validateUpdate of a class says each fault once', () => {
  const { validate, validateUpdate, validatesUpdateAlone } = definitionOf(classes).strategy
  const [before, after] = [classOf({}), classOf({ selectors: [{}] })].map((object) =>
    decoded(classes, object),
  )
  assert.deepEqual(validateUpdate!(after!, before!).map(fieldErrorText), [
    'spec.selectors[0].cel: Required value',
  ])
  assert.ok(validate && validatesUpdateAlone)
})

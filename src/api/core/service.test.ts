import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writableCopy } from '../../machinery/copy.ts'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import type { Service, ServiceSpec } from '../generated/core.v1.ts'
import { serviceDefinition } from './service.ts'

const { strategy } = serviceDefinition

function aService(spec: ServiceSpec): Writable<Service> {
  const service = writableCopy<Service>({ metadata: { name: 'web', namespace: 'default' }, spec })
  strategy.defaults!(service)
  return service
}

const balanced = aService({
  type: 'LoadBalancer',
  clusterIP: '10.96.0.9',
  clusterIPs: ['10.96.0.9'],
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 31_000,
  ports: [{ port: 80, nodePort: 30_080 }],
})

/** The spec after a client changed `balanced` in these fields. */
function changed(change: Partial<ServiceSpec>): ServiceSpec {
  const next = writableCopy<Service>({ ...balanced, spec: { ...balanced.spec, ...change } })
  strategy.defaults!(next)
  strategy.prepareForUpdate!(next, balanced)
  assert.deepEqual(strategy.validate!(next).map(fieldErrorText), [])
  assert.deepEqual(strategy.validateUpdate!(next, balanced).map(fieldErrorText), [])
  return next.spec!
}

test('a Service that becomes ClusterIP loses what only a load balancer has', () => {
  const spec = changed({ type: 'ClusterIP' })
  assert.equal(spec.clusterIP, '10.96.0.9')
  assert.equal(spec.ports![0]!.nodePort, undefined)
  assert.equal(spec.externalTrafficPolicy, undefined)
  assert.equal(spec.healthCheckNodePort, undefined)
  assert.equal(spec.allocateLoadBalancerNodePorts, undefined)
})

test('a Service that becomes ExternalName loses its addresses', () => {
  const spec = changed({ type: 'ExternalName', externalName: 'example.org' })
  assert.equal(spec.clusterIP, undefined)
  assert.equal(spec.clusterIPs, undefined)
  assert.equal(spec.ipFamilies, undefined)
})

test('a Service keeps what was allocated when a client leaves it out', () => {
  const { clusterIP: _address, clusterIPs: _addresses, ...rest } = balanced.spec as ServiceSpec
  const next = writableCopy<Service>({ ...balanced, spec: { ...rest, ports: [{ port: 80 }] } })
  strategy.defaults!(next)
  strategy.prepareForUpdate!(next, balanced)
  assert.equal(next.spec!.clusterIP, '10.96.0.9')
  assert.equal(next.spec!.ports![0]!.nodePort, 30_080)
})

const rows: readonly (readonly [name: string, spec: ServiceSpec, ...errors: readonly string[]])[] = [
  ['no ports', { type: 'ClusterIP' }, 'spec.ports: Required value'],
  ['a headless one without ports', { clusterIP: 'None', clusterIPs: ['None'] }],
  [
    'addresses of one family twice',
    { ports: [{ port: 1 }], clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
    'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family',
  ],
  [
    'an address of another family than said',
    { ports: [{ port: 1 }], clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv6'] },
    'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
  ],
  [
    'an unknown family policy',
    { ports: [{ port: 1 }], ipFamilyPolicy: 'Any' as 'SingleStack' },
    'spec.ipFamilyPolicy: Unsupported value: "Any": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
  ],
  [
    'ranges of what is no balancer',
    { ports: [{ port: 1 }], loadBalancerSourceRanges: ['10.0.0.0/8'] },
    "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
  ],
  [
    'one node port twice',
    {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 1, nodePort: 30_000 },
        { name: 'b', port: 2, nodePort: 30_000 },
      ],
    },
    'spec.ports[1].nodePort: Duplicate value: 30000',
  ],
  [
    'an unknown type',
    { type: 'Magic' as 'ClusterIP', ports: [{ port: 1 }] },
    'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  ],
  [
    'two ports without names',
    { ports: [{ port: 1 }, { port: 2 }] },
    'spec.ports[0].name: Required value',
    'spec.ports[1].name: Required value',
  ],
  [
    'a port out of range',
    { ports: [{ port: 70_000, targetPort: 80 }] },
    'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    'a node port of a ClusterIP',
    { ports: [{ port: 1, nodePort: 30_000 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  ['an ExternalName without a name', { type: 'ExternalName' }, 'spec.externalName: Required value'],
]

for (const [name, spec, ...errors] of rows) {
  test(`validateService judges ${name}`, () => {
    assert.deepEqual(strategy.validate!(aService(spec)).map(fieldErrorText), errors)
  })
}

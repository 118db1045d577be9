import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Service } from '../../api/generated/core.v1.ts'
import { configMaps, secrets } from '../../api/generated/resources.ts'
import { notFound } from '../../machinery/status-errors.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { parseVariables } from './file-key.ts'
import { containerEnvironment } from './environment.ts'
import { serviceEnvironment } from './service-environment.ts'

const service = (name: string, namespace: string, clusterIP = '10.0.0.1'): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: {
    clusterIP,
    ports: [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  },
})

async function environment(container: Partial<Container>, told: string[] = []) {
  const variables = await containerEnvironment({
    pod: aPod(
      'pod',
      { enableServiceLinks: false, containers: [aContainer('app', container)] },
      {
        labels: { app: 'web' },
        annotations: { note: 'x' },
      },
    ),
    container: aContainer('app', container),
    sources: {
      async configMap(_namespace, name) {
        if (name === 'none') throw notFound(configMaps, name)
        return { data: { a: '1', 'not=a-name': '2' } }
      },
      async secret(_namespace, name) {
        if (name === 'none') throw notFound(secrets, name)
        return { data: { s: Buffer.from('hidden').toString('base64') } }
      },
    },
    services: [],
    facts: {
      podIPs: ['10.1.0.1', 'fd00::1'],
      hostIPs: ['192.0.2.1'],
      allocatable: { cpu: '4', memory: '8Gi' },
    },
    onInvalidNames: (message) => told.push(message),
    fileKey: async () => 'from-file',
  })
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
}

describe('containerEnvironment', () => {
  it('later variables see and replace earlier ones', async () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)$(C)' },
      { name: 'A', value: '2' },
    ]
    assert.deepEqual(await environment({ env }), { A: '2', B: '1$(C)' })
  })

  it('skips names that cannot be variables, and says so', async () => {
    const told: string[] = []
    const found = await environment({ envFrom: [{ configMapRef: { name: 'map' }, prefix: 'P_' }] }, told)
    assert.deepEqual(found, { P_a: '1' })
    assert.match(told[0] ?? '', /^Keys \[not=a-name\] from the EnvFrom configMap default\/map were skipped/)
  })

  const fields: readonly (readonly [string, string])[] = [
    ['metadata.name', 'pod'],
    ["metadata.labels['app']", 'web'],
    ["metadata.annotations['note']", 'x'],
    ['spec.nodeName', 'node-1'],
    ['spec.serviceAccountName', 'default'],
    ['status.podIP', '10.1.0.1'],
    ['status.podIPs', '10.1.0.1,fd00::1'],
    ['status.hostIP', '192.0.2.1'],
  ]
  for (const [fieldPath, expected] of fields) {
    it(`reads ${fieldPath}`, async () => {
      assert.deepEqual(await environment({ env: [{ name: 'V', valueFrom: { fieldRef: { fieldPath } } }] }), {
        V: expected,
      })
    })
  }

  const amounts: readonly (readonly [string, string | undefined, string])[] = [
    ['limits.cpu', undefined, '1'],
    ['limits.cpu', '1m', '500'],
    ['limits.memory', '1Mi', '8192'],
    ['requests.memory', '1Mi', '0'],
    ['requests.cpu', undefined, '1'],
  ]
  for (const [resource, divisor, expected] of amounts) {
    it(`reads ${resource} in units of ${divisor}`, async () => {
      const found = await environment({
        resources: { limits: { cpu: '500m' }, requests: { cpu: '250m' } },
        env: [{ name: 'V', valueFrom: { resourceFieldRef: { resource, ...(divisor && { divisor }) } } }],
      })
      assert.deepEqual(found, { V: expected })
    })
  }

  const missing: readonly (readonly [Partial<Container>, RegExp])[] = [
    [
      { env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'none', key: 'a' } } }] },
      /configmaps "none" not found/,
    ],
    [
      { env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'map', key: 'z' } } }] },
      /^ConfigError: couldn't find key z in ConfigMap default\/map$/,
    ],
    [
      { env: [{ name: 'V', valueFrom: { secretKeyRef: { name: 'keys', key: 'z' } } }] },
      /^ConfigError: couldn't find key z in Secret default\/keys$/,
    ],
    [{ envFrom: [{ secretRef: { name: 'none' } }] }, /secrets "none" not found/],
  ]
  for (const [container, expected] of missing) {
    it(`fails without ${expected.source}`, () =>
      assert.rejects(environment(container), (error) => expected.test(String(error))))
  }

  it('does without what is optional', async () => {
    const found = await environment({
      envFrom: [{ secretRef: { name: 'none', optional: true } }],
      env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'map', key: 'z', optional: true } } }],
    })
    assert.deepEqual(found, {})
  })
})

describe('serviceEnvironment', () => {
  it('names a service, its ports and its links', () => {
    const found = serviceEnvironment([service('my-db', 'default')], 'default', true)
    assert.deepEqual(
      found.map(({ name, value }) => `${name}=${value}`),
      [
        'MY_DB_SERVICE_HOST=10.0.0.1',
        'MY_DB_SERVICE_PORT=80',
        'MY_DB_SERVICE_PORT_HTTP=80',
        'MY_DB_SERVICE_PORT_DNS=53',
        'MY_DB_PORT=tcp://10.0.0.1:80',
        'MY_DB_PORT_80_TCP=tcp://10.0.0.1:80',
        'MY_DB_PORT_80_TCP_PROTO=tcp',
        'MY_DB_PORT_80_TCP_PORT=80',
        'MY_DB_PORT_80_TCP_ADDR=10.0.0.1',
        'MY_DB_PORT_53_UDP=udp://10.0.0.1:53',
        'MY_DB_PORT_53_UDP_PROTO=udp',
        'MY_DB_PORT_53_UDP_PORT=53',
        'MY_DB_PORT_53_UDP_ADDR=10.0.0.1',
      ],
    )
  })

  it('tells of the API server always, of others when asked', () => {
    const services = [
      service('kubernetes', 'default'),
      service('own', 'team'),
      service('other', 'elsewhere'),
      service('headless', 'team', 'None'),
    ]
    const names = (links: boolean) =>
      serviceEnvironment(services, 'team', links)
        .map(({ name }) => name)
        .filter((name) => name.endsWith('_SERVICE_HOST'))
    assert.deepEqual(names(false), ['KUBERNETES_SERVICE_HOST'])
    assert.deepEqual(names(true), ['KUBERNETES_SERVICE_HOST', 'OWN_SERVICE_HOST'])
  })
})

describe('parseVariables', () => {
  it('reads quoted and bare values, and leaves comments out', () => {
    const found = parseVariables("# note\nA='one two'\nB=plain\n\nC='two\nlines'\n")
    assert.deepEqual(
      [...found],
      [
        ['A', 'one two'],
        ['B', 'plain'],
        ['C', 'two\nlines'],
      ],
    )
  })
})

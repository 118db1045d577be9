import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { areTolerationsAllowed, mergeTolerations } from '../../../api/core/pod/tolerations.ts'
import type { ConfigMap, Pod } from '../../../api/generated/core.v1.ts'
import type { OwnerReference } from '../../../machinery/meta.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { startTestServer } from '../../testing/test-server.ts'
import { readAdmissionConfiguration } from '../configuration/admission-configuration.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { readPodSecurityConfiguration } from '../pod-security/pod-security-configuration.ts'
import { alwaysDeny } from './always.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts'
import { readEventRateLimits } from './event-rate-limit.ts'
import { readImagePolicy } from './image-policy-webhook.ts'
import { createOwnerReferencesPermissionEnforcement } from './owner-references-permission-enforcement.ts'
import { readNodeSelectors } from './pod-node-selector.ts'

describe('createOwnerReferencesPermissionEnforcement', () => {
  const path = '/api/v1/namespaces/default/configmaps'
  const owner = (name: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name,
    uid: `uid-${name}`,
    ...more,
  })
  const configMap = (name: string, ownerReferences: readonly OwnerReference[]): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ownerReferences },
  })

  /** Denies these: `delete configmaps a`. */
  async function serve(denied: readonly string[], asked: string[] = []) {
    const authorizer: Authorizer = {
      name: 'test',
      authorize({ verb, resource, subresource, namespace, name }) {
        const what = `${verb} ${[resource, subresource].filter(Boolean).join('/')} ${namespace}/${name}`
        asked.push(what)
        return denied.includes(what)
          ? { type: 'noOpinion', reason: 'no rule' }
          : { type: 'allow', reason: '' }
      },
    }
    const server = await startTestServer({
      authorizer,
      admission: (_objects, parts) => [
        createOwnerReferencesPermissionEnforcement(authorizer, (kind) => parts.servedKind(kind)),
      ],
    })
    const client = new HttpsClient(server)
    const send = async (method: string, url: string, body: object) => {
      const { status, json } = await client.send(url, { method, body })
      return status < 300 ? String(status) : String(json['message'])
    }
    return {
      post: (body: ConfigMap) => send('POST', path, body),
      put: (body: ConfigMap) => send('PUT', `${path}/${body.metadata?.name}`, body),
      async [Symbol.asyncDispose]() {
        client.close()
        await server[Symbol.asyncDispose]()
      },
    }
  }

  it('lets who may not delete an object make it with an owner, and not give it another', async () => {
    await using server = await serve(['delete configmaps default/a'])
    assert.equal(await server.post(configMap('a', [owner('one')])), '201')
    assert.equal(await server.put({ ...configMap('a', [owner('one')]), data: { a: 'b' } }), '200')
    assert.equal(
      await server.put(configMap('a', [owner('one'), owner('two')])),
      `configmaps "a" is forbidden: cannot set an ownerRef on a resource you can't delete: no rule, <nil>`,
    )
  })

  it("has an owner's deletion wait for who may set its finalizers", async () => {
    const asked: string[] = []
    await using server = await serve(['update deployments/finalizers default/one'], asked)
    const blocking = owner('one', { blockOwnerDeletion: true })
    assert.equal(
      await server.post(configMap('a', [blocking])),
      `configmaps "a" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: no rule, <nil>`,
    )
    assert.equal(await server.post(configMap('b', [owner('one')])), '201')
    assert.match(await server.put(configMap('b', [blocking])), /you can't set finalizers on/)
    const ofNode = owner('n', { apiVersion: 'v1', kind: 'Node', blockOwnerDeletion: true })
    assert.equal(await server.post(configMap('c', [ofNode])), '201')
    assert.ok(asked.includes('update nodes/finalizers /n'))
    assert.match(
      await server.post(configMap('d', [owner('x', { kind: 'Nonsense', blockOwnerDeletion: true })])),
      /because cannot find RESTMapping for APIVersion apps\/v1 Kind Nonsense: no matches for kind "Nonsense" in version "apps\/v1"$/,
    )
  })
})

describe('plugins of pods', () => {
  const path = '/api/v1/namespaces/default/pods'
  const podOf = (name: string, spec: object, metadata: object = {}) => ({
    metadata: { name, ...metadata },
    spec: { terminationGracePeriodSeconds: 30, ...spec },
  })

  async function serve(plugin: AdmissionPlugin) {
    // What every cluster has is made before.
    let isOn = false
    const switched = { ...plugin, handles: (request: AdmissionRequest) => isOn && plugin.handles(request) }
    const server = await startTestServer({ admission: [switched] })
    const client = new HttpsClient(server)
    isOn = true
    return {
      turn: (on: boolean) => void (isOn = on),
      async send(method: string, url: string, body: object) {
        const { status, json } = await client.send(url, { method, body })
        return { status, pod: json as unknown as Pod, message: String(json['message']) }
      },
      async [Symbol.asyncDispose]() {
        client.close()
        await server[Symbol.asyncDispose]()
      },
    }
  }

  it('AlwaysPullImages pulls every image, and leaves pods of before as they are until they get another', async () => {
    await using server = await serve(alwaysPullImages)
    const container = { name: 'c', image: 'a:1', imagePullPolicy: 'IfNotPresent' }
    const spec = { containers: [container], initContainers: [{ ...container, name: 'i' }] }
    const created = await server.send('POST', path, podOf('new', spec))
    assert.deepEqual(
      [...created.pod.spec!.containers, ...created.pod.spec!.initContainers!].map(
        ({ imagePullPolicy }) => imagePullPolicy,
      ),
      ['Always', 'Always'],
    )
    server.turn(false)
    const { pod } = await server.send('POST', path, podOf('old', spec))
    server.turn(true)
    const labelled = { ...pod, metadata: { ...pod.metadata, labels: { a: 'b' } } }
    assert.equal((await server.send('PUT', `${path}/old`, labelled)).status, 200)
  })

  it('ExtendedResourceToleration tolerates the taint of nodes with a device', async () => {
    await using server = await serve(extendedResourceToleration)
    const resources = { requests: { 'example.com/b': '1', cpu: '1' }, limits: { 'example.com/b': '1' } }
    const more = { requests: { 'example.com/a': '1' }, limits: { 'example.com/a': '1' } }
    const spec = {
      containers: [{ name: 'c', image: 'x', resources }],
      initContainers: [{ name: 'i', image: 'x', resources: more }],
    }
    const { pod } = await server.send('POST', path, podOf('p', spec))
    assert.deepEqual(
      pod.spec?.tolerations,
      ['example.com/a', 'example.com/b'].map((key) => ({ key, operator: 'Exists', effect: 'NoSchedule' })),
    )
  })

  it('LimitPodHardAntiAffinityTopology keeps pods away from nodes only', async () => {
    await using server = await serve(limitPodHardAntiAffinityTopology)
    const podWith = (topologyKey: string) =>
      podOf('p', {
        containers: [{ name: 'c', image: 'x' }],
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey, labelSelector: { matchLabels: { a: 'b' } } },
            ],
          },
        },
      })
    assert.equal(
      (await server.send('POST', path, podWith('topology.kubernetes.io/zone'))).message,
      'pods "p" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ' +
        'topology.kubernetes.io/zone but only key kubernetes.io/hostname is allowed',
    )
    assert.equal((await server.send('POST', path, podWith('kubernetes.io/hostname'))).status, 201)
  })

  it('AlwaysDeny denies', async () => {
    await using server = await serve(alwaysDeny)
    const { status, message } = await server.send('POST', path, podOf('p', { containers: [] }))
    assert.deepEqual(
      [status, message],
      [403, 'pods "p" is forbidden: admission control is denying all modifications'],
    )
  })
})

describe('mergeTolerations', () => {
  const all = { operator: 'Exists' } as const
  const some = { key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 9 } as const

  it('keeps those that no other includes', () => {
    assert.deepEqual(mergeTolerations([some], [all]), [all])
    assert.deepEqual(mergeTolerations([all], [some]), [all])
    assert.deepEqual(mergeTolerations([some], [some]), [some])
    assert.deepEqual(mergeTolerations([some], [{ ...some, tolerationSeconds: 10 }]), [
      { ...some, tolerationSeconds: 10 },
    ])
    assert.deepEqual(mergeTolerations([some], [{ ...some, key: 'c' }]).length, 2)
  })

  it('allows what is included', () => {
    assert.ok(areTolerationsAllowed([some], []))
    assert.ok(areTolerationsAllowed([some], [{ key: 'a', operator: 'Exists' }]))
    assert.ok(!areTolerationsAllowed([some], [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }]))
    assert.ok(!areTolerationsAllowed([all], [some]))
    assert.ok(!areTolerationsAllowed([some], [{ ...some, tolerationSeconds: 1 }]))
  })
})

describe('configuration of admission plugins', () => {
  const text = (value: object) => JSON.stringify(value)

  it('is read from one file, from files that it names, and from files of old', () => {
    const plugins = [
      { name: 'A', path: 'a.yaml' },
      { name: 'B', configuration: { some: 'thing' } },
      { name: 'C' },
    ]
    const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration' }
    const files = readAdmissionConfiguration(text({ ...kind, plugins }), (path) => `content of ${path}`)
    assert.deepEqual(Object.fromEntries(files), { A: 'content of a.yaml', B: '{"some":"thing"}' })
    const legacy = text({ imagePolicy: { kubeConfigFile: 'x' } })
    assert.equal(readAdmissionConfiguration(legacy, () => '').get('ImagePolicyWebhook'), legacy)
    assert.throws(
      () => readAdmissionConfiguration(text({ ...kind, more: 1 }), () => ''),
      /unknown field "more"/,
    )
    assert.throws(() => readAdmissionConfiguration(text({ something: 1 }), () => ''))
  })

  it('of EventRateLimit names every mistake', () => {
    const kind = { apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1', kind: 'Configuration' }
    assert.throws(() => readEventRateLimits(text({ ...kind, limits: [] })), /limits: .*must not be empty/)
    assert.throws(
      () => readEventRateLimits(text({ ...kind, limits: [{ type: 'X', qps: 0, burst: -1, cacheSize: -1 }] })),
      /limits\[0\]\.type: Unsupported value: "X".*burst: .*must be positive.*qps: .*must be positive.*cacheSize: .*must not be negative/,
    )
  })

  it('of ImagePolicyWebhook has its limits', () => {
    const read = (imagePolicy: object) => readImagePolicy(text({ imagePolicy }))
    assert.deepEqual(read({ kubeConfigFile: 'x', denyTTL: -1 }), {
      kubeConfigFile: 'x',
      allowTtlMs: 300_000,
      denyTtlMs: 0,
      retryBackoffMs: 500,
      defaultAllow: false,
    })
    assert.throws(() => read({ allowTTL: 3600 }), {
      message: 'valid value is between 1s and 30m0s, got 1h0m0s',
    })
  })

  it('of PodNodeSelector and PodSecurity', () => {
    assert.deepEqual(readNodeSelectors('podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: a=b\n'), {
      clusterDefaultNodeSelector: 'a=b',
    })
    const kind = { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' }
    const wrong = {
      defaults: { enforce: 'much' },
      exemptions: { namespaces: ['a', 'a', 'B_'], usernames: [''] },
    }
    assert.throws(
      () => readPodSecurityConfiguration(text({ ...kind, ...wrong })),
      /defaults.enforce: Invalid value: "much".*exemptions.namespaces\[1\]: Duplicate value: "a".*exemptions.namespaces\[2\]: Invalid value.*exemptions.usernames\[0\]: Invalid value/,
    )
  })
})

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { ConfigMap, Pod } from '../../api/generated/core.v1.ts'
import type { Deployment } from '../../api/generated/apps.v1.ts'
import type { ValidatingAdmissionPolicy } from '../../api/generated/admissionregistration.v1.ts'
import {
  configMaps,
  deployments,
  events,
  eventsV1,
  leases,
  namespaces,
  nodes,
  pods,
  validatingAdmissionPolicies,
} from '../../api/generated/resources.ts'
import type { KubernetesObject, Status } from '../../machinery/meta.ts'
import type { AdmissionPlugin } from '../admission/plugin.ts'
import { refusal, TestRequests } from '../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let test_: TestServer
let requests: TestRequests
let namespace: string
let count = 0
const admissionLog: string[] = []

/** Notes what it sees; refuses what is named so. */
const witness: AdmissionPlugin = {
  name: 'Witness',
  handles: ({ resource }) => resource.resource === 'configmaps',
  mutate({ operation, name, object }) {
    admissionLog.push(`mutate ${operation} ${name}`)
    const data = (object as ConfigMap | undefined)?.data
    if (data?.['mutate'] !== undefined) Object.assign(data, { mutate: 'done' })
  },
  validate({ operation, name, object }) {
    admissionLog.push(`validate ${operation} ${name}`)
    if ((object as ConfigMap | undefined)?.data?.['refuse'] !== undefined) throw new Error('refused')
  },
  release: ({ operation, name }) => void admissionLog.push(`release ${operation} ${name}`),
}
describe('registry', () => {
  before(async () => {
    test_ = await startTestServer({ admission: [witness] })
  })
  after(() => test_[Symbol.asyncDispose]())
  beforeEach(async () => {
    requests = new TestRequests(test_.server)
    namespace = `test-${++count}`
    admissionLog.length = 0
    await requests.create(namespaces, { metadata: { name: namespace } })
  })

  function configMap(
    name: string,
    more: Partial<ConfigMap> & { metadata?: ConfigMap['metadata'] } = {},
  ): ConfigMap {
    return { ...more, metadata: { name, namespace, ...more.metadata } }
  }

  function deployment(name: string, replicas = 1): Deployment {
    return {
      metadata: { name, namespace },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    }
  }

  function pod(name: string, more: Partial<Pod['spec']> = {}): Pod {
    return { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i' }], ...more } }
  }

  const revision = () => test_.store.currentRevision()

  test('a status keeps the metadata of a policy, whose finalizers need no domain', async () => {
    const metadata = { name: 'kept', labels: { a: 'b' }, finalizers: ['mine'] }
    const policy = {
      metadata,
      spec: {
        matchConstraints: {
          resourceRules: [
            { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] },
          ],
        },
        validations: [{ expression: 'true' }],
      },
    } satisfies ValidatingAdmissionPolicy
    await requests.create(validatingAdmissionPolicies, policy)
    const value = {
      metadata: { labels: null, annotations: { a: 'b' }, finalizers: null },
      status: { observedGeneration: 1 },
    }
    const options = { fieldManager: 'reporter' }
    const reported = await requests.patch<ValidatingAdmissionPolicy>(
      validatingAdmissionPolicies,
      { name: 'kept' },
      value,
      'merge',
      options,
      'status',
    )
    const { labels, annotations, finalizers, managedFields } = reported.metadata!
    assert.deepEqual([labels, annotations, finalizers], [metadata.labels, undefined, metadata.finalizers])
    assert.equal(reported.status?.observedGeneration, 1)
    const entry = managedFields?.find(({ manager }) => manager === 'reporter')
    assert.deepEqual(entry?.fieldsV1, { 'f:status': { 'f:observedGeneration': {} } })
  })

  test('a status keeps the labels of a deployment, and its writer does not come to own them', async () => {
    const created = await requests.create(deployments, deployment('labelled'))
    const name = { namespace, name: 'labelled' }
    const value = { metadata: { labels: { a: 'b' }, annotations: { a: 'b' } }, status: { replicas: 1 } }
    const reported = await requests.patch<Deployment>(
      deployments,
      name,
      value,
      'merge',
      { fieldManager: 'reporter' },
      'status',
    )
    assert.equal(reported.metadata?.labels, undefined)
    assert.deepEqual(reported.metadata?.annotations, { a: 'b' })
    assert.equal(reported.metadata.generation, created.metadata?.generation)
    const entry = reported.metadata.managedFields?.find(({ manager }) => manager === 'reporter')
    assert.deepEqual(entry?.fieldsV1, {
      'f:metadata': { 'f:annotations': { '.': {}, 'f:a': {} } },
      'f:status': { 'f:replicas': {} },
    })
  })

  test('create sets what clients may not choose', async () => {
    const created = await requests.create(
      configMaps,
      configMap('a', {
        data: { some: 'data' },
        metadata: { uid: 'mine', creationTimestamp: '2000-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 },
      }),
    )
    const { uid, creationTimestamp, deletionGracePeriodSeconds, resourceVersion } = created.metadata!
    assert.match(uid!, /^[0-9a-f-]{36}$/)
    assert.notEqual(creationTimestamp, '2000-01-01T00:00:00Z')
    assert.equal(deletionGracePeriodSeconds, undefined)
    assert.equal(resourceVersion, (await revision()).toString())
    assert.equal(created.metadata?.managedFields?.[0]?.manager, 'test')
  })

  test('create refuses what is malformed, there already, or says a resourceVersion', async () => {
    await requests.create(configMaps, configMap('a'))
    const rows: readonly (readonly [ConfigMap, RegExp])[] = [
      [configMap('a'), /^409 AlreadyExists: configmaps "a" already exists$/],
      [
        configMap('B'),
        /^422 Invalid: ConfigMap "B" is invalid: metadata.name: Invalid value: "B": a lowercase RFC 1123/,
      ],
      [{ metadata: { namespace } }, /^422 Invalid: ConfigMap "" is invalid: metadata.name: Required value/],
      [
        configMap('c', { metadata: { resourceVersion: '5' } }),
        /^500 : resourceVersion should not be set on objects to be created$/,
      ],
      [
        { metadata: { name: 'c', namespace }, data: 5 as never },
        /^400 BadRequest: ConfigMap in version "v1" cannot be handled/,
      ],
    ]
    for (const [object, expected] of rows)
      assert.match(await refusal(requests.create(configMaps, object)), expected)
  })

  test('create generates names that are free', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () =>
        requests.create(configMaps, { metadata: { generateName: 'g-', namespace } }),
      ),
    )
    const names = new Set(made.map(({ metadata }) => metadata?.name))
    assert.equal(names.size, 20)
    for (const name of names) assert.match(name!, /^g-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  test('create with dryRun tells what would be and writes nothing', async () => {
    const before = await revision()
    const created = await requests.create(configMaps, configMap('dry'), { dryRun: ['All'] })
    assert.match(created.metadata!.uid!, /-/)
    assert.equal(created.metadata?.resourceVersion, undefined)
    assert.equal(await revision(), before)
    await requests.create(configMaps, configMap('dry'))
    const again = refusal(requests.create(configMaps, configMap('dry'), { dryRun: ['All'] }))
    assert.match(await again, /already exists/)
  })

  test('writes pass admission in order, and release what failed', async () => {
    const created = await requests.create(configMaps, configMap('a', { data: { mutate: 'please' } }))
    assert.deepEqual(created.data, { mutate: 'done' })
    assert.deepEqual(admissionLog, ['mutate CREATE a', 'validate CREATE a'])
    admissionLog.length = 0
    await requests.create(configMaps, configMap('a')).catch(() => {})
    assert.deepEqual(admissionLog, ['mutate CREATE a', 'validate CREATE a', 'release CREATE a'])
    admissionLog.length = 0
    await requests.create(configMaps, { metadata: { generateName: 'g-', namespace } })
    assert.match(admissionLog.join(), /^mutate CREATE ,validate CREATE g-.{5}$/)
  })

  test('update checks the resourceVersion and the uid, when they are given', async () => {
    const first = await requests.create(configMaps, configMap('a'))
    const second = await requests.update(configMaps, { ...first, data: { a: 'b' } })
    assert.notEqual(second.metadata?.resourceVersion, first.metadata?.resourceVersion)
    const stale = refusal(requests.update(configMaps, { ...first, data: { a: 'c' } }))
    assert.equal(
      await stale,
      '409 Conflict: Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your ' +
        'changes to the latest version and try again',
    )
    const other = refusal(requests.update(configMaps, configMap('a', { metadata: { uid: 'other' } })))
    assert.match(
      await other,
      /^409 Conflict: .*Precondition failed: UID in precondition: other, UID in object meta: /,
    )
    const unconditional = await requests.update(configMaps, configMap('a', { data: { d: 'e' } }))
    assert.deepEqual(unconditional.data, { d: 'e' })
    assert.equal(unconditional.metadata?.uid, first.metadata?.uid)
  })

  test('update of nothing writes nothing', async () => {
    const created = await requests.create(deployments, deployment('d'))
    const before = await revision()
    const same = await requests.update(deployments, deployment('d'))
    assert.equal(same, created)
    await requests.patch(deployments, { namespace, name: 'd' }, { spec: { replicas: 1 } })
    assert.equal(await revision(), before)
  })

  test('update creates what is missing only for kinds that allow it', async () => {
    assert.equal(
      await refusal(requests.update(configMaps, configMap('none'))),
      '404 NotFound: configmaps "none" not found',
    )
    const lease = { metadata: { name: 'l', namespace }, spec: { holderIdentity: 'me' } }
    const made = await requests.update(leases, lease)
    assert.equal(made.spec?.holderIdentity, 'me')
  })

  test('update keeps status, status keeps spec, and the generation counts specs', async () => {
    const status = { replicas: 7, observedGeneration: 1 }
    const created = await requests.create(deployments, { ...deployment('d'), status })
    assert.deepEqual(created.status, {})
    assert.equal(created.metadata?.generation, 1)
    const reported = await requests.update(deployments, { ...deployment('d', 9), status }, 'status')
    assert.equal(reported.spec?.replicas, 1)
    assert.equal(reported.status?.replicas, 7)
    assert.equal(reported.metadata?.generation, 1)
    const changed = await requests.update(deployments, { ...deployment('d', 3), status: { replicas: 1 } })
    assert.equal(changed.metadata?.generation, 2)
    assert.equal(changed.status?.replicas, 7)
  })

  test('patch speaks JSON, merge, strategic merge and apply', async () => {
    await requests.create(deployments, deployment('d'))
    const name = { namespace, name: 'd' }
    const json = [{ op: 'replace', path: '/spec/replicas', value: 4 }]
    assert.equal((await requests.patch(deployments, name, json, 'json')).spec?.replicas, 4)
    const merge = { metadata: { labels: { a: 'b' } }, spec: { replicas: 5 } }
    assert.equal((await requests.patch(deployments, name, merge)).spec?.replicas, 5)
    const strategic = { spec: { template: { spec: { containers: [{ name: 'd', image: 'j' }] } } } }
    const patched = await requests.patch(deployments, name, strategic, 'strategic')
    assert.deepEqual(
      patched.spec?.template?.spec?.containers.map((container) => container.name),
      ['d', 'c'],
    )
    const apply = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace },
      spec: { replicas: 6 },
    }
    const conflict = refusal(requests.patch(deployments, name, apply, 'apply', { fieldManager: 'me' }))
    assert.match(await conflict, /^409 Conflict: Apply failed with 1 conflict: conflict with "test"/)
    const forced = await requests.patch(deployments, name, apply, 'apply', {
      fieldManager: 'me',
      force: true,
    })
    assert.equal(forced.spec?.replicas, 6)
    const unnamed = refusal(requests.patch(deployments, name, apply, 'apply'))
    assert.match(await unnamed, /fieldManager: Required value: is required for apply patch/)
  })

  test('apply creates what is missing', async () => {
    const value = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' }, data: { a: 'b' } }
    const options = { fieldManager: 'me' }
    const applied = await requests.patch(configMaps, { namespace, name: 'new' }, value, 'apply', options)
    assert.equal(applied.metadata?.managedFields?.[0]?.operation, 'Apply')
    const before = await revision()
    await requests.patch(configMaps, { namespace, name: 'new' }, value, 'apply', options)
    assert.equal(await revision(), before)
  })

  test('patches of one object at once all take effect', async () => {
    await requests.create(configMaps, configMap('a'))
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        requests.patch(configMaps, { namespace, name: 'a' }, { data: { [`k${index}`]: 'v' } }),
      ),
    )
    const { data } = await requests.get(configMaps, { namespace, name: 'a' })
    assert.equal(Object.keys(data!).length, 30)
  })

  test('create keeps the status of nodes, which register with it', async () => {
    const status = { capacity: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True' as const }] }
    const node = await requests.create(nodes, { metadata: { name: 'registers' }, status })
    assert.equal(node.status?.capacity?.['cpu'], '4')
    assert.equal(node.status?.allocatable?.['cpu'], '4')
    assert.equal(node.status?.conditions?.[0]?.type, 'Ready')
  })

  test('delete answers with a status or the object, and checks preconditions', async () => {
    const { metadata } = await requests.create(configMaps, configMap('a'))
    const name = { namespace, name: 'a' }
    const wrong = refusal(requests.delete(configMaps, name, { preconditions: { uid: 'other' } }))
    assert.match(
      await wrong,
      /^409 Conflict: .*the UID in the precondition \(other\) does not match the UID in record/,
    )
    await requests.delete(configMaps, name, { dryRun: ['All'] })
    const answer: Status = await requests.delete(configMaps, name)
    assert.deepEqual(answer, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: metadata?.uid },
    })
    assert.equal(await refusal(requests.delete(configMaps, name)), '404 NotFound: configmaps "a" not found')
  })

  test('delete waits for finalizers, and the last one takes the object along', async () => {
    await requests.create(configMaps, configMap('a', { metadata: { finalizers: ['x.io/one', 'x.io/two'] } }))
    const name = { namespace, name: 'a' }
    const marked = await requests.delete(configMaps, name, { propagationPolicy: 'Foreground' })
    assert.deepEqual(marked.metadata?.finalizers, ['x.io/one', 'x.io/two', 'foregroundDeletion'])
    assert.equal(marked.metadata?.deletionGracePeriodSeconds, 0)
    assert.match(marked.metadata?.deletionTimestamp ?? '', /Z$/)
    const added = refusal(requests.patch(configMaps, name, { metadata: { finalizers: ['x.io/three'] } }))
    assert.match(await added, /no new finalizers can be added if the object is being deleted/)
    await requests.patch(configMaps, name, { metadata: { finalizers: ['x.io/two'] } })
    const last = await requests.patch(configMaps, name, { metadata: { finalizers: null } })
    assert.equal(last.metadata?.name, 'a')
    assert.match(await refusal(requests.get(configMaps, name)), /^404/)
  })

  test('delete gives pods on a node their grace period', async () => {
    await requests.create(pods, pod('p', { nodeName: 'n', terminationGracePeriodSeconds: 20 }))
    const name = { namespace, name: 'p' }
    const first = await requests.delete(pods, name)
    assert.equal(first.metadata?.deletionGracePeriodSeconds, 20)
    const longer = await requests.delete(pods, name, { gracePeriodSeconds: 50 })
    assert.equal(longer.metadata?.deletionGracePeriodSeconds, 20)
    const shorter = await requests.delete(pods, name, { gracePeriodSeconds: 5 })
    assert.equal(shorter.metadata?.deletionGracePeriodSeconds, 5)
    await requests.delete(pods, name, { gracePeriodSeconds: 0 })
    assert.match(await refusal(requests.get(pods, name)), /^404/)
  })

  test('deletecollection deletes what a list shows', async () => {
    for (const name of ['a', 'b', 'c']) {
      await requests.create(
        configMaps,
        configMap(name, { metadata: { labels: { go: name === 'c' ? 'no' : 'yes' } } }),
      )
    }
    const listOptions = { labelSelector: 'go=yes' }
    await requests.send(configMaps, { namespace }, { verb: 'deletecollection', options: {}, listOptions })
    assert.deepEqual(await requests.names(configMaps, namespace), ['c'])
  })

  test('namespaces stay until they are finalized', async () => {
    const name = { name: namespace }
    const terminating = await requests.delete(namespaces, name)
    assert.equal((terminating as { status?: { phase?: string } }).status?.phase, 'Terminating')
    const current = await requests.get(namespaces, name)
    assert.deepEqual(await requests.delete(namespaces, name), current)
    await requests.update(namespaces, { ...current, spec: { finalizers: [] } }, 'finalize')
    assert.match(await refusal(requests.get(namespaces, name)), /^404/)
  })

  test('scale reads and writes replicas', async () => {
    await requests.create(deployments, deployment('d', 2))
    const name = { namespace, name: 'd' }
    const scale = await requests.get<KubernetesObject & { spec?: { replicas?: number } }>(
      deployments,
      name,
      'scale',
    )
    assert.equal(scale.kind, 'Scale')
    assert.deepEqual(scale.spec, { replicas: 2 })
    await requests.patch(deployments, name, { spec: { replicas: 5 } }, 'merge', {}, 'scale')
    const { spec, metadata } = await requests.get(deployments, name)
    assert.equal(spec?.replicas, 5)
    assert.equal(metadata?.generation, 2)
    const negative = refusal(
      requests.patch(deployments, name, { spec: { replicas: -1 } }, 'merge', {}, 'scale'),
    )
    assert.match(
      await negative,
      /^422 Invalid: Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1/,
    )
    const stale = { ...scale, spec: { replicas: 9 } }
    assert.match(
      await refusal(requests.update(deployments as never, stale as never, 'scale')),
      /^409 Conflict/,
    )
  })

  test('ephemeral containers come to a pod that runs, and stay', async () => {
    const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '5m' } } }]
    await requests.create(pods, pod('p', { nodeName: 'n', containers }))
    const name = { namespace, name: 'p' }
    const add = (...names: readonly string[]) => {
      const ephemeralContainers = names.map((debug) => ({ name: debug, image: 'i' }))
      const value = { spec: { ephemeralContainers } }
      return requests.patch(pods, name, value, 'strategic', {}, 'ephemeralcontainers')
    }
    await add('one')
    const { spec } = await add('two')
    assert.deepEqual(spec?.ephemeralContainers?.map((container) => container.name).sort(), ['one', 'two'])
    assert.match(
      await refusal(add('c')),
      /^422 Invalid: .*spec.ephemeralContainers\[\d\].name: Duplicate value: "c"/,
    )
    const remove = [{ op: 'remove', path: '/spec/ephemeralContainers/0' }]
    assert.match(
      await refusal(requests.patch(pods, name, remove, 'json', {}, 'ephemeralcontainers')),
      /^422 Invalid: .*may not be removed/,
    )
    const resources = { requests: { cpu: '10m' } }
    const resized = { spec: { containers: [{ name: 'c', resources }] } }
    const { spec: after } = await requests.patch(pods, name, resized, 'strategic', {}, 'resize')
    assert.deepEqual(after?.containers[0]?.resources, resources)
  })

  test('binding gives a pod its node once', async () => {
    await requests.create(pods, pod('p'))
    const binding = { metadata: { name: 'p', annotations: { a: 'b' } }, target: { kind: 'Node', name: 'n1' } }
    const name = { namespace, name: 'p' }
    const answer: Status = await requests.post(pods, name, 'binding', binding)
    assert.deepEqual([answer.status, answer.code], ['Success', 201])
    const bound = await requests.get(pods, name)
    assert.equal(bound.spec?.nodeName, 'n1')
    assert.equal(bound.metadata?.annotations?.['a'], 'b')
    assert.equal(bound.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status, 'True')
    assert.equal(
      await refusal(requests.post(pods, name, 'binding', binding)),
      '409 Conflict: Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
    )
  })

  test('list selects by fields that the kind has, and refuses others', async () => {
    await requests.create(pods, pod('a', { nodeName: 'n1' }))
    await requests.create(pods, pod('b', { nodeName: 'n2' }))
    const select = (fieldSelector: string) => requests.names(pods, namespace, { fieldSelector })
    assert.deepEqual(await select('spec.nodeName=n1'), ['a'])
    assert.deepEqual(await select('spec.nodeName!=n1,metadata.name!=x'), ['b'])
    assert.deepEqual(await select('metadata.name=a'), ['a'])
    assert.deepEqual(await select('metadata.name=a,metadata.name=b'), [])
    assert.equal(
      await refusal(select('spec.color=red')),
      '400 BadRequest: field label not supported: spec.color',
    )
    assert.equal(
      await refusal(requests.names(configMaps, namespace, { fieldSelector: 'data.x=y' })),
      '400 BadRequest: "data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    )
  })

  test('events are selected by the fields that each version has', async () => {
    for (const name of ['a', 'b']) {
      await requests.create(events, {
        metadata: { name, namespace },
        involvedObject: { kind: 'Pod', name, namespace },
        reportingComponent: `of-${name}`,
        reason: 'Because',
        type: 'Normal',
      })
    }
    const select = (fieldSelector: string) => requests.names(eventsV1, namespace, { fieldSelector })
    assert.deepEqual(await select('reportingController=of-a'), ['a'])
    assert.deepEqual(await select('regarding.name!=a,reason=Because,metadata.name=b'), ['b'])
    const refused = '400 BadRequest: field label not supported: involvedObject.name'
    assert.equal(await refusal(select('involvedObject.name=a')), refused)
    const inCore = requests.names(events, namespace, { fieldSelector: 'involvedObject.name=a' })
    assert.deepEqual(await inCore, ['a'])
  })

  test('cluster-scoped objects have no namespace', async () => {
    const node = await requests.create(nodes, { metadata: { name: `node-${namespace}` } })
    assert.equal(node.metadata?.namespace, undefined)
  })

  test('events expire', async () => {
    const event = {
      metadata: { name: 'e', namespace },
      involvedObject: { kind: 'Pod', name: 'p', namespace },
      reason: 'Because',
      type: 'Normal',
    }
    await requests.create(events, event)
    assert.equal((await requests.get(events, { namespace, name: 'e' })).reason, 'Because')
  })

  test('a patch makes nothing else of an object', async () => {
    await requests.create(configMaps, configMap('c'))
    const patch = (value: object) => requests.patch(configMaps, { namespace, name: 'c' }, value)
    assert.match(
      await refusal(patch({ kind: 'Pod' })),
      /^422 Invalid: .*converting \(v1\.Pod\) to \(core\.ConfigMap\): unknown conversion$/,
    )
    assert.match(
      await refusal(patch({ apiVersion: 'v2' })),
      /^422 Invalid: .*no kind "ConfigMap" is registered for version "v2"/,
    )
    assert.equal((await patch({ kind: null, data: { a: '1' } })).kind, 'ConfigMap')
  })

  test('a merge patch is an object', async () => {
    await requests.create(configMaps, configMap('c'))
    const patch = { type: 'merge', bytes: Buffer.from('[]') } as const
    const action = { verb: 'patch', patch, options: {} } as const
    assert.equal(
      await refusal(requests.send(configMaps, { namespace, name: 'c' }, action)),
      '400 BadRequest: error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    )
  })
})

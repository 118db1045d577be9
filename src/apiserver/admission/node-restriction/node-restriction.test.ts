import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Node, Pod, PodSpec } from '../../../api/generated/core.v1.ts'
import {
  leases,
  nodes,
  persistentVolumeClaims,
  pods,
  serviceAccounts,
} from '../../../api/generated/resources.ts'
import type { KubernetesObject, ObjectMeta } from '../../../machinery/meta.ts'
import { alwaysAllow } from '../../authorization/always-allow.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from '../testing/memory-objects.ts'
import { createNodeRestriction } from './node-restriction.ts'

const user = { name: 'system:node:n1', groups: ['system:nodes'] }
const nobody: Authorizer = { name: 'nobody', authorize: () => ({ type: 'noOpinion', reason: '' }) }
let objects: MemoryObjects
let plugin: AdmissionPlugin

const pod = (spec: Partial<PodSpec>, metadata: ObjectMeta = {}): Pod => ({
  metadata: { name: 'p', namespace: 'default', ...metadata },
  spec: { containers: [], nodeName: 'n1', ...spec },
})
const node = (metadata: ObjectMeta, spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'n1', ...metadata },
  spec,
})
const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-uid', controller: true }
const mirror = (spec: Partial<PodSpec> = {}, owners: readonly object[] = [owner]) =>
  pod(spec, {
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    ownerReferences: owners as NonNullable<ObjectMeta['ownerReferences']>,
  })
describe('node restriction', () => {
  beforeEach(() => {
    objects = memoryObjects()
    objects.put(nodes, { metadata: { name: 'n1', uid: 'node-uid' } })
    objects.put(pods, pod({}, { name: 'mine', uid: 'pod-uid' }))
    objects.put(pods, pod({ nodeName: 'n2' }, { name: 'theirs', uid: 'their-uid' }))
    plugin = createNodeRestriction(objects, nobody)
  })

  async function expectRefusal(
    request: ReturnType<typeof admissionRequest>,
    detail: string | undefined,
  ): Promise<void> {
    if (detail === undefined) return void (await admit(plugin, request))
    await assert.rejects(admit(plugin, request), (error: Error) => {
      assert.equal(error.message.replace(/^.* is forbidden: /, ''), detail)
      return true
    })
  }

  describe('createNodeRestriction', () => {
    const creations: readonly [Pod, string | undefined][] = [
      [mirror(), undefined],
      [
        pod({}),
        'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
      ],
      [mirror({ nodeName: 'n2' }), 'node "n1" can only create pods with spec.nodeName set to itself'],
      [mirror({}, []), 'node "n1" can only create pods with an owner reference set to itself'],
      [
        mirror({}, [owner, owner]),
        'node "n1" can only create pods with a single owner reference set to itself',
      ],
      [
        mirror({}, [{ ...owner, controller: false }]),
        'node "n1" can only create pods with a controller owner reference set to itself',
      ],
      [mirror({}, [{ ...owner, uid: 'x' }]), 'node n1 UID mismatch: expected x got node-uid'],
      [mirror({ serviceAccountName: 'x' }), 'node "n1" can not create pods that reference a service account'],
      [mirror({ imagePullSecrets: [{ name: 'x' }] }), 'node "n1" can not create pods that reference secrets'],
      [
        mirror({ volumes: [{ name: 'v', configMap: { name: 'x' } }] }),
        'node "n1" can not create pods that reference configmaps',
      ],
      [
        mirror({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] }),
        'node "n1" can not create pods that reference persistentvolumeclaims',
      ],
      [
        mirror({ resourceClaims: [{ name: 'x' }] }),
        'node "n1" can not create pods that reference resourceclaims',
      ],
    ]
    for (const [object, detail] of creations) {
      it(`judges a new pod: ${detail ?? 'good'}`, () =>
        expectRefusal(admissionRequest('CREATE', pods, object, { user }), detail))
    }

    it('keeps off pods of others', async () => {
      const of = (name: string) => objects.get(pods, { namespace: 'default', name })!
      const remove = (name: string) =>
        admissionRequest('DELETE', pods, undefined, { user, oldObject: of(name) })
      await expectRefusal(remove('mine'), undefined)
      await expectRefusal(remove('theirs'), 'node "n1" can only delete pods with spec.nodeName set to itself')
      const status = (name: string) =>
        admissionRequest('UPDATE', pods, of(name), { user, oldObject: of(name), subresource: 'status' })
      await expectRefusal(status('mine'), undefined)
      await expectRefusal(
        status('theirs'),
        'node "n1" can only update pod status for pods with spec.nodeName set to itself',
      )
      const evict = (name: string) =>
        admissionRequest(
          'CREATE',
          pods,
          { metadata: { name, namespace: 'default' } },
          { user, subresource: 'eviction' },
        )
      await expectRefusal(evict('mine'), undefined)
      await expectRefusal(evict('theirs'), 'node n1 can only evict pods with spec.nodeName set to itself')
      const exec = admissionRequest('CREATE', pods, of('mine'), { user, subresource: 'ephemeralcontainers' })
      await expectRefusal(
        exec,
        "unexpected pod subresource \"ephemeralcontainers\", only 'status' and 'eviction' are allowed",
      )
    })

    const updates: readonly [Node, Node, string | undefined][] = [
      [
        node({ labels: { a: 'b', 'kubernetes.io/os': 'linux', 'x.node.kubernetes.io/y': 'z' } }),
        node({}),
        undefined,
      ],
      [
        node({ labels: { 'kubernetes.io/x': 'y' } }),
        node({}),
        'is not allowed to modify labels: kubernetes.io/x',
      ],
      [
        node({}),
        node({ labels: { 'a.node-restriction.kubernetes.io/x': 'y', 'k8s.io/b': 'c' } }),
        'is not allowed to modify labels: a.node-restriction.kubernetes.io/x, k8s.io/b',
      ],
      [
        node({}, { taints: [{ key: 'a', effect: 'NoSchedule' }] }),
        node({}),
        'node "n1" is not allowed to modify taints',
      ],
      [node({ ownerReferences: [owner] }), node({}), 'node "n1" is not allowed to modify ownerReferences'],
      [node({ name: 'n2' }), node({ name: 'n2' }), 'node "n1" is not allowed to modify node "n2"'],
    ]
    for (const [object, oldObject, detail] of updates) {
      it(`judges an update of a node: ${detail ?? 'good'}`, () =>
        expectRefusal(admissionRequest('UPDATE', nodes, object, { user, oldObject }), detail))
    }

    it('judges a new node', async () => {
      const create = (labels: Record<string, string>) =>
        admissionRequest('CREATE', nodes, node({ labels }), { user })
      await expectRefusal(create({ 'kubernetes.io/hostname': 'n1' }), undefined)
      await expectRefusal(
        create({ 'node-restriction.kubernetes.io/a': 'b' }),
        'node "n1" is not allowed to set the following labels: node-restriction.kubernetes.io/a',
      )
    })

    it('lets a node say how large a volume is, and nothing else of a claim', async () => {
      const claim = (rest: object) => ({ metadata: { name: 'c', namespace: 'default' }, spec: {}, ...rest })
      const update = (object: KubernetesObject, subresource = 'status') =>
        admissionRequest('UPDATE', persistentVolumeClaims, object, {
          user,
          oldObject: claim({}),
          subresource,
        })
      await expectRefusal(update(claim({ status: { capacity: { storage: '1Gi' } } })), undefined)
      await expectRefusal(
        update(claim({ status: { phase: 'Lost' } })),
        'node "n1" is not allowed to update fields other than status.capacity and status.conditions',
      )
      await expectRefusal(update(claim({}), ''), 'may only update PVC status')
    })

    it('gives tokens for its own pods and their audiences', async () => {
      const request = (reference: object, audiences: readonly string[] = []) =>
        admissionRequest(
          'CREATE',
          serviceAccounts,
          {
            metadata: { name: 'sa', namespace: 'default' },
            spec: { boundObjectRef: reference, audiences },
          } as KubernetesObject,
          { user, subresource: 'token' },
        )
      const reference = (name: string, uid: string) => ({ apiVersion: 'v1', kind: 'Pod', name, uid })
      const volumes = [
        { name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } },
      ]
      objects.put(pods, pod({ volumes }, { name: 'mine', uid: 'pod-uid' }))
      await expectRefusal(request(reference('mine', 'pod-uid'), ['vault']), undefined)
      await expectRefusal(
        request(reference('mine', 'pod-uid')),
        'audience "" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
      )
      await expectRefusal(request({ kind: 'Secret' }), 'node requested token not bound to a pod')
      await expectRefusal(
        request(reference('mine', 'x'), ['vault']),
        'the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted and then recreated',
      )
      await expectRefusal(
        request(reference('theirs', 'their-uid')),
        'node requested token bound to a pod scheduled on a different node',
      )
      plugin = createNodeRestriction(objects, alwaysAllow)
      await expectRefusal(request(reference('mine', 'pod-uid'), ['other']), undefined)
    })

    it('leases itself', async () => {
      const lease = (name: string, namespace = 'kube-node-lease') =>
        admissionRequest('CREATE', leases, { metadata: { name, namespace } }, { user })
      await expectRefusal(lease('n1'), undefined)
      await expectRefusal(lease('n2'), 'can only access node lease with the same name as the requesting node')
      await expectRefusal(
        lease('n1', 'default'),
        'can only access leases in the "kube-node-lease" system namespace',
      )
    })

    it('is about nodes only', async () => {
      await expectRefusal(admissionRequest('CREATE', pods, pod({})), undefined)
      const unknown = { name: 'system:node:', groups: ['system:nodes'] }
      await expectRefusal(
        admissionRequest('CREATE', pods, pod({}), { user: unknown }),
        'could not determine node from user "system:node:"',
      )
    })
  })
})

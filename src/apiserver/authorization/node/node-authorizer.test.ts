import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod } from '../../../api/generated/core.v1.ts'
import {
  persistentVolumes,
  pods,
  resourceSlices,
  volumeAttachments,
} from '../../../api/generated/resources.ts'
import { memoryObjects, type MemoryObjects } from '../../admission/testing/memory-objects.ts'
import type { Authorizer } from '../authorizer.ts'
import { nodeRules } from '../bootstrap-policy/node-rules.ts'
import { createNodeAuthorizer } from './node-authorizer.ts'
import { createNodeGraph } from './node-graph.ts'

const node = { name: 'system:node:n1', groups: ['system:nodes'] }
let objects: MemoryObjects
let authorizer: Authorizer

const pod = (name: string, nodeName: string, rest: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace: 'ns' },
  spec: {
    nodeName,
    serviceAccountName: `sa-${name}`,
    containers: [
      {
        name: 'c',
        image: 'x',
        envFrom: [{ secretRef: { name: `env-${name}` } }, { configMapRef: { name: `env-${name}` } }],
      },
    ],
    volumes: [
      { name: 's', secret: { secretName: `secret-${name}` } },
      { name: 'c', configMap: { name: `config-${name}` } },
      { name: 'p', persistentVolumeClaim: { claimName: `claim-${name}` } },
      { name: 'e', ephemeral: {} },
    ],
    imagePullSecrets: [{ name: `pull-${name}` }],
    ...rest,
  },
})
describe('node authorizer', () => {
  beforeEach(() => {
    objects = memoryObjects()
    objects.put(pods, pod('a', 'n1'))
    objects.put(pods, pod('b', 'n2'))
    objects.put(pods, {
      ...pod('mirror', 'n1'),
      metadata: { name: 'mirror', namespace: 'ns', annotations: { 'kubernetes.io/config.mirror': 'x' } },
    })
    for (const name of ['a', 'b']) {
      objects.put(persistentVolumes, {
        metadata: { name: `pv-${name}` },
        spec: {
          claimRef: { namespace: 'ns', name: `claim-${name}` },
          csi: {
            driver: 'd',
            volumeHandle: 'h',
            nodeStageSecretRef: { namespace: 'storage', name: `stage-${name}` },
          },
        },
      })
      objects.put(volumeAttachments, {
        metadata: { name: `va-${name}` },
        spec: { attacher: 'x', nodeName: name === 'a' ? 'n1' : 'n2', source: {} },
      })
    }
    objects.put(resourceSlices, {
      metadata: { name: 'slice' },
      spec: { driver: 'd', nodeName: 'n1', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } },
    })
    authorizer = createNodeAuthorizer(createNodeGraph(objects), nodeRules)
  })

  /** `get secrets ns/name`, `list pods - spec.nodeName=n1`. */
  async function decide(text: string, user = node) {
    const [verb = '', what = '', object = '', fieldSelector = ''] = text.split(' ')
    const [groupResource = '', subresource = ''] = what.split('/')
    const [resource = '', ...group] = groupResource.split('.')
    const slash = object.indexOf('/')
    return authorizer.authorize({
      user,
      verb,
      isResourceRequest: true,
      group: group.join('.'),
      version: 'v1',
      resource,
      subresource,
      namespace: slash < 0 ? '' : object.slice(0, slash),
      name: object.slice(slash + 1).replace('-none-', ''),
      path: '',
      ...(fieldSelector && { fieldSelector }),
    })
  }

  const unrelated = "no relationship found between node 'n1' and this object"

  describe('createNodeAuthorizer', () => {
    const rows: readonly [string, true | string][] = [
      ['get secrets ns/secret-a', true],
      ['watch secrets ns/env-a', true],
      ['get secrets ns/pull-a', true],
      ['get secrets storage/stage-a', true],
      ['get secrets storage/stage-b', unrelated],
      ['get secrets ns/secret-b', unrelated],
      ['get secrets ns/secret-mirror', unrelated],
      ['get secrets other/secret-a', unrelated],
      ['list secrets ns/', 'No Object name found'],
      ['list secrets -none-', 'can only read namespaced object of this type'],
      ['update secrets ns/secret-a', 'can only read resources of this type'],
      ['get configmaps ns/config-a', true],
      ['list configmaps ns/env-a', true],
      ['get configmaps ns/config-b', unrelated],
      ['get persistentvolumeclaims ns/claim-a', true],
      ['get persistentvolumeclaims ns/a-e', true],
      ['get persistentvolumeclaims ns/claim-b', unrelated],
      ['list persistentvolumeclaims ns/claim-a', 'can only get individual resources of this type'],
      ['patch persistentvolumeclaims/status ns/claim-a', true],
      ['get persistentvolumeclaims/status ns/claim-a', 'can only get/update/patch this type'],
      ['get persistentvolumes pv-a', true],
      ['get persistentvolumes pv-b', unrelated],
      ['get volumeattachments.storage.k8s.io va-a', true],
      ['get volumeattachments.storage.k8s.io va-b', unrelated],
      ['create serviceaccounts/token ns/sa-a', true],
      ['create serviceaccounts/token ns/sa-b', unrelated],
      ['get serviceaccounts ns/sa-a', true],
      ['delete serviceaccounts ns/sa-a', 'can only create tokens for individual service accounts'],
      ['get leases.coordination.k8s.io kube-node-lease/n1', true],
      ['create leases.coordination.k8s.io kube-node-lease/', true],
      [
        'update leases.coordination.k8s.io kube-node-lease/n2',
        'can only access node lease with the same name as the requesting node',
      ],
      [
        'get leases.coordination.k8s.io default/n1',
        'can only access leases in the "kube-node-lease" system namespace',
      ],
      [
        'list leases.coordination.k8s.io kube-node-lease/',
        'can only get, create, update, patch, or delete a node lease',
      ],
      ['patch csinodes.storage.k8s.io n1', true],
      [
        'patch csinodes.storage.k8s.io n2',
        'can only access CSINode with the same name as the requesting node',
      ],
      ['get resourceslices.resource.k8s.io slice', true],
      ['list resourceslices.resource.k8s.io -none- spec.nodeName=n1', true],
      [
        'list resourceslices.resource.k8s.io -none-',
        'can only list/watch/deletecollection resourceslices with nodeName field selector',
      ],
      ['get nodes n1', true],
      ['get nodes n2', "node 'n1' cannot read 'n2', only its own Node object"],
      ['list nodes -none-', "node 'n1' cannot read all nodes, only its own Node object"],
      ['patch nodes/status n2', true],
      ['delete nodes n1', ''],
      ['get pods ns/a', true],
      ['get pods ns/b', unrelated],
      ['list pods -none- spec.nodeName=n1', true],
      ['watch pods -none- spec.nodeName=n2', 'can only list/watch pods with spec.nodeName field selector'],
      ['create pods ns/', true],
      ['update pods ns/a', ''],
      ['patch pods/status ns/a', true],
      ['create pods/eviction ns/a', true],
      ['list services -none-', true],
      ['create events default/', true],
      ['list deployments.apps -none-', ''],
    ]
    for (const [text, expected] of rows) {
      it(`decides ${text}`, async () => {
        const { type, reason } = await decide(text)
        assert.equal(type === 'allow' ? true : reason, expected)
      })
    }

    it('forgets what a pod that is gone has named', async () => {
      objects.put(pods, { ...pod('c', 'n1'), metadata: { name: 'c', namespace: 'ns' } })
      objects.put(pods, pod('d', 'n1', { serviceAccountName: 'sa-c' }))
      objects.remove(pods, { namespace: 'ns', name: 'c' })
      assert.equal((await decide('get secrets ns/secret-c')).type, 'noOpinion')
      assert.equal((await decide('create serviceaccounts/token ns/sa-c')).type, 'allow')
      objects.remove(pods, { namespace: 'ns', name: 'd' })
      assert.equal((await decide('create serviceaccounts/token ns/sa-c')).type, 'noOpinion')
    })

    it('has no opinion on others, and none on a node without a name', async () => {
      assert.deepEqual(await decide('get nodes n1', { name: 'jane', groups: ['system:nodes'] }), {
        type: 'noOpinion',
        reason: '',
      })
      assert.deepEqual(await decide('get nodes n1', { name: 'system:node:', groups: ['system:nodes'] }), {
        type: 'noOpinion',
        reason: 'unknown node for user "system:node:"',
      })
    })
  })
})

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../../api/generated/core.v1.ts'
import { pods, serviceAccounts } from '../../../api/generated/resources.ts'
import { seededRandom } from '../../../machinery/random.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from '../testing/memory-objects.ts'
import { createServiceAccount } from './service-account.ts'

let objects: MemoryObjects
let plugin: AdmissionPlugin
const clock = fakeClock()
const pod = (spec: Partial<PodSpec> = {}, annotations?: Record<string, string>): Pod => ({
  metadata: { name: 'p', namespace: 'default', ...(annotations && { annotations }) },
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
})
const create = (object: Pod) => admit<Pod>(plugin, admissionRequest('CREATE', pods, object))
const account = { name: 'default', namespace: 'default' }
describe('service account', () => {
  beforeEach(() => {
    objects = memoryObjects()
    objects.put(serviceAccounts, { metadata: account })
    plugin = createServiceAccount(objects, clock, seededRandom(1))
  })

  describe('createServiceAccount', () => {
    it('gives a pod the default account and its token', async () => {
      const { spec } = await create(pod({ initContainers: [{ name: 'i', image: 'x' }] }))
      const [volume] = spec?.volumes ?? []
      assert.equal(spec?.serviceAccountName, 'default')
      assert.match(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/)
      assert.deepEqual(volume, {
        name: volume?.name,
        projected: {
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            {
              downwardAPI: {
                items: [
                  { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
                ],
              },
            },
          ],
          defaultMode: 420,
        },
      })
      const mount = {
        name: volume?.name,
        readOnly: true,
        mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      }
      assert.deepEqual(spec?.containers[0]?.volumeMounts, [mount])
      assert.deepEqual(spec?.initContainers?.[0]?.volumeMounts, [mount])
    })

    it('mounts nothing where it is not wanted', async () => {
      assert.equal((await create(pod({ automountServiceAccountToken: false }))).spec?.volumes, undefined)
      objects.put(serviceAccounts, { metadata: account, automountServiceAccountToken: false })
      assert.equal((await create(pod())).spec?.volumes, undefined)
      assert.equal((await create(pod({ automountServiceAccountToken: true }))).spec?.volumes?.length, 1)
      const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'
      const own = pod({
        automountServiceAccountToken: true,
        containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath }] }],
      })
      assert.equal((await create(own)).spec?.volumes, undefined)
    })

    it('refuses an account that does not exist', async () => {
      await assert.rejects(create(pod({ serviceAccountName: 'foo' })), {
        message:
          'pods "p" is forbidden: error looking up service account default/foo: serviceaccount "foo" not found',
      })
    })

    it('waits for the default account of a new namespace', async () => {
      objects.remove(serviceAccounts, account)
      const waiting = create(pod())
      await clock.advance(150)
      objects.put(serviceAccounts, { metadata: account })
      await clock.advance(300)
      assert.equal((await waiting).spec?.serviceAccountName, 'default')
    })

    it("adds the account's pull secrets unless the pod has some", async () => {
      objects.put(serviceAccounts, { metadata: account, imagePullSecrets: [{ name: 'a' }] })
      assert.deepEqual((await create(pod())).spec?.imagePullSecrets, [{ name: 'a' }])
      assert.deepEqual((await create(pod({ imagePullSecrets: [{ name: 'b' }] }))).spec?.imagePullSecrets, [
        { name: 'b' },
      ])
    })

    it('gives a mirror pod nothing', async () => {
      const mirror = { 'kubernetes.io/config.mirror': 'x' }
      assert.equal((await create(pod({}, mirror))).spec?.serviceAccountName, undefined)
      await assert.rejects(create(pod({ serviceAccountName: 'default' }, mirror)), {
        message: 'pods "p" is forbidden: a mirror pod may not reference service accounts',
      })
      await assert.rejects(create(pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }, mirror)), {
        message: 'pods "p" is forbidden: a mirror pod may not reference secrets',
      })
    })

    it('limits secrets to those that the account lists', async () => {
      objects.put(serviceAccounts, {
        metadata: { ...account, annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
        secrets: [{ name: 'mine' }],
      })
      await create(pod({ volumes: [{ name: 'v', secret: { secretName: 'mine' } }] }))
      for (const [spec, detail] of [
        [
          { volumes: [{ name: 'v', secret: { secretName: 's' } }] },
          'volume with secret.secretName="s" is not allowed because service account default does not reference that secret',
        ],
        [
          { containers: [{ name: 'c', image: 'x', envFrom: [{ secretRef: { name: 's' } }] }] },
          'container c with envFrom referencing secret.secretName="s" is not allowed because service account default does not reference that secret',
        ],
        [
          { imagePullSecrets: [{ name: 's' }] },
          'imagePullSecrets[0].name="s" is not allowed because service account default does not reference that imagePullSecret',
        ],
      ] as const) {
        await assert.rejects(create(pod(spec)), { message: `pods "p" is forbidden: ${detail}` })
      }
    })
  })
})

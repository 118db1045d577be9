import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { configMaps, localSubjectAccessReviews, namespaces, nodes } from '../../api/generated/resources.ts'
import { hasStatusCause } from '../../machinery/status-errors.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createNamespaceLifecycle } from './namespace-lifecycle.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { admissionRequest, admit } from './testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from './testing/memory-objects.ts'

let objects: MemoryObjects
let plugin: AdmissionPlugin
const configMap = (namespace: string) => ({ metadata: { name: 'a', namespace } })
describe('namespace lifecycle', () => {
  beforeEach(() => {
    objects = memoryObjects()
    objects.put(namespaces, { metadata: { name: 'here' }, status: { phase: 'Active' } })
    objects.put(namespaces, { metadata: { name: 'ending' }, status: { phase: 'Terminating' } })
    plugin = createNamespaceLifecycle(objects, fakeClock())
  })

  describe('createNamespaceLifecycle', () => {
    it('lets objects into a namespace that is there', async () => {
      await admit(plugin, admissionRequest('CREATE', configMaps, configMap('here')))
      await admit(plugin, admissionRequest('CREATE', nodes, { metadata: { name: 'n' } }))
    })

    it('refuses a namespace that is not there', async () => {
      const request = admissionRequest('CREATE', configMaps, configMap('nowhere'))
      await assert.rejects(admit(plugin, request), { message: 'namespaces "nowhere" not found' })
    })

    it('refuses new objects in a namespace that ends, and lets old ones change and go', async () => {
      await assert.rejects(
        admit(plugin, admissionRequest('CREATE', configMaps, configMap('ending'))),
        (error: Error) =>
          error.message ===
            'configmaps "a" is forbidden: unable to create new content in namespace ending because it is being terminated' &&
          hasStatusCause(error, 'NamespaceTerminating'),
      )
      const old = configMap('ending')
      await admit(plugin, admissionRequest('UPDATE', configMaps, old, { oldObject: old }))
      await admit(plugin, admissionRequest('DELETE', configMaps, undefined, { oldObject: old }))
    })

    for (const name of ['default', 'kube-system', 'kube-public']) {
      it(`does not let ${name} be deleted`, async () => {
        const request = admissionRequest('DELETE', namespaces, undefined, {
          oldObject: { metadata: { name } },
        })
        await assert.rejects(admit(plugin, request), {
          message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
        })
      })
    }

    it('asks the store about a namespace whose deletion was asked for', async () => {
      let asked = 0
      const spied = {
        ...objects,
        getLatest: async () => {
          asked++
          return { metadata: { name: 'here' }, status: { phase: 'Terminating' } } as never
        },
      }
      plugin = createNamespaceLifecycle(spied, fakeClock())
      const oldObject = { metadata: { name: 'here' } }
      await admit(plugin, admissionRequest('DELETE', namespaces, undefined, { oldObject }))
      await assert.rejects(admit(plugin, admissionRequest('CREATE', configMaps, configMap('here'))))
      assert.equal(asked, 1)
    })

    it('does not tell by an access review which namespaces there are', async () => {
      const review = { metadata: { namespace: 'nowhere' }, spec: {} }
      await admit(plugin, admissionRequest('CREATE', localSubjectAccessReviews, review))
    })
  })
})

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { LimitRangeItem, Pod, ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { limitRanges, persistentVolumeClaims, pods } from '../../../api/generated/resources.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from '../testing/memory-objects.ts'
import { createLimitRanger } from './limit-ranger.ts'

let objects: MemoryObjects

describe('limit ranger', () => {
  beforeEach(() => {
    objects = memoryObjects()
  })

  const pod = (...resources: readonly ResourceRequirements[]): Pod => ({
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: resources.map((one, index) => ({ name: `c${index}`, image: 'x', resources: one })) },
  })
  const limit = (...limits: readonly LimitRangeItem[]) =>
    objects.put(limitRanges, { metadata: { name: 'l', namespace: 'default' }, spec: { limits } })
  const create = (object: Pod) =>
    admit<Pod>(createLimitRanger(objects), admissionRequest('CREATE', pods, object))

  describe('createLimitRanger', () => {
    it('gives defaults, and says so', async () => {
      limit({
        type: 'Container',
        default: { cpu: '1', memory: '1Gi' },
        defaultRequest: { cpu: '100m', memory: '64Mi' },
      })
      const made = await create(pod({}, { requests: { cpu: '200m' }, limits: { memory: '2Gi' } }))
      assert.deepEqual(
        made.spec?.containers.map(({ resources }) => resources),
        [
          { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m', memory: '64Mi' } },
          { limits: { cpu: '1', memory: '2Gi' }, requests: { cpu: '200m', memory: '64Mi' } },
        ],
      )
      assert.equal(
        made.metadata?.annotations?.['kubernetes.io/limit-ranger'],
        'LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0; ' +
          'memory request for container c1; cpu limit for container c1',
      )
    })

    const rows: readonly [string, LimitRangeItem, readonly ResourceRequirements[], string][] = [
      [
        'too large a limit',
        { type: 'Container', max: { cpu: '500m' } },
        [{ requests: { cpu: '100m' }, limits: { cpu: '1' } }],
        'maximum cpu usage per Container is 500m, but limit is 1',
      ],
      [
        'no limit',
        { type: 'Container', max: { memory: '1Gi' } },
        [{}],
        'maximum memory usage per Container is 1Gi.  No limit is specified',
      ],
      [
        'too small a request',
        { type: 'Container', min: { memory: '64Mi' } },
        [{ requests: { memory: '32Mi' } }],
        'minimum memory usage per Container is 64Mi, but request is 32Mi',
      ],
      [
        'no request, and more',
        { type: 'Container', min: { cpu: '1', memory: '1Mi' } },
        [{ requests: { memory: '1' } }],
        '[minimum cpu usage per Container is 1.  No request is specified, minimum memory usage per Container is 1Mi, but request is 1]',
      ],
      [
        'too large a sum',
        { type: 'Pod', max: { cpu: '1' } },
        [{ requests: { cpu: '100m' }, limits: { cpu: '600m' } }, { limits: { cpu: '600m' } }],
        'maximum cpu usage per Pod is 1, but limit is 1200m',
      ],
      [
        'too large a ratio',
        { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
        [{ requests: { cpu: '100m' }, limits: { cpu: '300m' } }],
        'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
      ],
    ]
    for (const [what, item, resources, detail] of rows) {
      it(`refuses ${what}`, async () => {
        limit(item)
        await assert.rejects(create(pod(...resources)), { message: `pods "p" is forbidden: ${detail}` })
      })
    }

    it('limits claims', async () => {
      limit({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } })
      const claim = {
        metadata: { name: 'c', namespace: 'default' },
        spec: { resources: { requests: { storage: '2Gi' } } },
      }
      await assert.rejects(
        admit(createLimitRanger(objects), admissionRequest('CREATE', persistentVolumeClaims, claim)),
        {
          message:
            'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
        },
      )
    })

    it('knows no ratio of claims, which have no limits', async () => {
      limit({ type: 'PersistentVolumeClaim', maxLimitRequestRatio: { storage: '2' } })
      const claim = {
        metadata: { name: 'c', namespace: 'default' },
        spec: { resources: { requests: { storage: '2Gi' } } },
      }
      await admit(createLimitRanger(objects), admissionRequest('CREATE', persistentVolumeClaims, claim))
    })

    it('lets go what is being deleted', async () => {
      limit({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } })
      const claim = {
        metadata: { name: 'c', namespace: 'default', deletionTimestamp: '2026-01-01T00:00:00Z' },
        spec: { resources: { requests: { storage: '2Gi' } } },
      }
      const request = admissionRequest('UPDATE', persistentVolumeClaims, claim, { oldObject: claim })
      await admit(createLimitRanger(objects), request)
    })

    it('does not count what a runtime class adds', async () => {
      limit({ type: 'Pod', max: { cpu: '1' } })
      const plain = pod({ requests: { cpu: '1' }, limits: { cpu: '1' } })
      await create({ ...plain, spec: { ...plain.spec!, overhead: { cpu: '100m' } } })
    })
  })
})

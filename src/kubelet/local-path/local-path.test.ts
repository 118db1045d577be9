import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import type { StorageClass } from '../../api/generated/storage.v1.ts'
import {
  events,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from '../../api/generated/resources.ts'
import { startReconciler } from '../../client/runner.ts'
import { testContext, type TestContext } from '../../client/testing/test-context.ts'
import type { RunningComponent } from '../../client/component.ts'
import { localVolumesIn } from './local-volumes.ts'
import { planRemoval } from './plan.ts'
import { localPathReconciler } from './start-local-path.ts'

const standard: StorageClass = {
  metadata: { name: 'standard' },
  provisioner: 'k8ts.io/local-path',
  reclaimPolicy: 'Delete',
}

function aClaim(spec: PersistentVolumeClaim['spec'] = {}, node = 'n'): PersistentVolumeClaim {
  return {
    metadata: {
      namespace: 'default',
      name: 'c',
      uid: 'u',
      annotations: {
        'volume.kubernetes.io/selected-node': node,
        'volume.kubernetes.io/storage-provisioner': 'k8ts.io/local-path',
      },
    },
    spec: {
      storageClassName: 'standard',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  }
}

describe('localPathReconciler', () => {
  let root: string
  let context: TestContext
  let running: RunningComponent
  before(async () => (root = join(await mkdtemp(join(tmpdir(), 'local-path-')), 'volumes')))
  after(() => rm(join(root, '..'), { recursive: true }))
  afterEach(async () => {
    await running.stop()
    await context.informers.stop()
  })

  async function run(seed: () => void): Promise<void> {
    context = testContext()
    seed()
    running = startReconciler(
      localPathReconciler({ isOwnNode: (name) => name === 'n', volumes: localVolumesIn(root) }),
      context,
    )
    await running.ready
  }
  const volumes = async () => (await context.client.list(persistentVolumes)).items
  /** The file system answers in its own time. */
  async function untilThere(condition: () => Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < 200_000 && !(await condition()); turn++)
      await new Promise((resolve) => setImmediate(resolve))
    assert.ok(await condition())
  }

  it('makes a directory for a claim, and removes it with what is in it', async () => {
    await run(() => {
      context.client.seed(storageClasses, standard)
      context.client.seed(persistentVolumeClaims, aClaim())
    })
    await untilThere(async () => (await volumes()).length === 1)
    const [volume] = await volumes()
    const path = join(root, 'pvc-u_default_c')
    assert.equal(volume?.spec?.local?.path, path)
    assert.equal(volume.spec.persistentVolumeReclaimPolicy, 'Delete')
    assert.deepEqual(volume.spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions, [
      { key: 'kubernetes.io/hostname', operator: 'In', values: ['n'] },
    ])
    assert.equal((await stat(path)).mode & 0o777, 0o777)
    await mkdir(join(path, 'deep/er'), { recursive: true })
    await writeFile(join(path, 'deep/er/file'), 'x')
    await context.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'c' })
    const released = { ...volume, status: { phase: 'Released' as const } }
    await context.client.update(persistentVolumes, released, { subresource: 'status' })
    await untilThere(async () => (await volumes()).length === 0)
    assert.deepEqual(await readdir(root), [])
  })

  it('does nothing for claims of other nodes', async () => {
    await run(() => {
      context.client.seed(storageClasses, standard)
      context.client.seed(persistentVolumeClaims, aClaim({}, 'other'))
    })
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(await volumes(), [])
  })

  it('says why a directory does not do', async () => {
    await run(() => context.client.seed(persistentVolumeClaims, aClaim({ volumeMode: 'Block' })))
    await untilThere(async () => (await context.client.list(events)).items.length > 0)
    const [event] = (await context.client.list(events)).items
    assert.match(event?.message ?? '', /^failed to provision volume with StorageClass "standard": .*block/)
  })

  describe('localVolumesIn', () => {
    it('removes symlinks, and not what they lead to', async () => {
      await run(() => {})
      const local = localVolumesIn(root)
      const outside = join(root, '..', 'outside')
      await mkdir(outside, { recursive: true })
      await writeFile(join(outside, 'precious'), 'kept')
      const path = await local.make('v', 'ns_c')
      await symlink(outside, join(path, 'link'))
      await symlink('../../outside/precious', join(path, 'file'))
      await local.remove('v', path)
      assert.equal(await readFile(join(outside, 'precious'), 'utf8'), 'kept')
      // The volume itself has been replaced.
      await symlink(outside, path)
      await local.remove('v', path)
      assert.equal(await readFile(join(outside, 'precious'), 'utf8'), 'kept')
    })

    for (const path of ['/etc', 'ROOT/other_x', 'ROOT/v_x/../../outside', 'ROOT/v_x/inside', 'ROOT']) {
      it(`refuses to remove ${path}`, async () => {
        await run(() => {})
        const real = path.replace('ROOT', root)
        await assert.rejects(localVolumesIn(root).remove('v', real), /is not a directory of volume v/)
      })
    }
  })

  describe('planRemoval', () => {
    const finalizers = ['external-provisioner.volume.kubernetes.io/finalizer']
    const deletionTimestamp = '2026-01-01T00:00:00Z'
    const rows: readonly (readonly [string, PersistentVolume, string])[] = [
      ['bound', { spec: { persistentVolumeReclaimPolicy: 'Delete' }, status: { phase: 'Bound' } }, 'none'],
      [
        'released',
        { spec: { persistentVolumeReclaimPolicy: 'Delete' }, status: { phase: 'Released' } },
        'remove',
      ],
      [
        'retained',
        { spec: { persistentVolumeReclaimPolicy: 'Retain' }, status: { phase: 'Released' } },
        'none',
      ],
      [
        'retained, and deleted',
        {
          metadata: { finalizers, deletionTimestamp },
          spec: { persistentVolumeReclaimPolicy: 'Retain' },
          status: { phase: 'Released' },
        },
        'letGo',
      ],
      [
        'deleted while bound',
        {
          metadata: { finalizers, deletionTimestamp },
          spec: { persistentVolumeReclaimPolicy: 'Delete' },
          status: { phase: 'Bound' },
        },
        'none',
      ],
    ]
    for (const [name, volume, expected] of rows) {
      it(`${name}: ${expected}`, async () => {
        await run(() => {})
        assert.equal(planRemoval(volume).type, expected)
      })
    }
  })
})

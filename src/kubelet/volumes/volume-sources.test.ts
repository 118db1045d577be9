import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { PersistentVolume, Volume, VolumeProjection } from '../../api/generated/core.v1.ts'
import { testContext } from '../../client/testing/test-context.ts'
import { aPod } from '../testing/pod-builder.ts'
import type { Mounter } from './mounts.ts'
import type { PayloadSources } from './payload.ts'
import { createTrustAnchors } from './trust-anchors.ts'
import { createVolumeManager } from './volume-manager.ts'
import { VolumeError } from './volume-error.ts'

void describe('createVolumeManager', () => {
  let rootDirectory: string
  before(async () => (rootDirectory = await mkdtemp(join(tmpdir(), 'sources-'))))
  after(() => rm(rootDirectory, { recursive: true }))

  function prepare(source: Omit<Volume, 'name'>, volume: PersistentVolume = {}) {
    const mounts: string[] = []
    const mounter: Mounter = {
      // As the kernel makes it.
      tmpfs: (target) => chmod(target, 0o1777),
      bind: async () => {},
      mount: async (type, from, target, options) => {
        if (from.startsWith('none:'))
          throw new VolumeError('mount: bad option; you might need a helper program')
        mounts.push([type, from, target.replace(rootDirectory, ''), ...options].join(' '))
      },
      unmount: async () => {},
      share: async () => {},
      below: async () => [],
    }
    const trustAnchors = createTrustAnchors({ ...testContext(), isEnabled: false, onChange: () => {} })
    const manager = createVolumeManager({
      rootDirectory,
      mounter,
      sources: { trustAnchors } as PayloadSources,
      claims: {
        claim: async () => ({
          metadata: { namespace: 'default', name: 'c', uid: 'c' },
          spec: { volumeName: 'v' },
          status: { phase: 'Bound' },
        }),
        volume: async () => ({
          metadata: { name: 'v' },
          ...volume,
          spec: { claimRef: { uid: 'c' }, ...volume.spec },
        }),
      },
      allocatableMemory: '1Gi',
      tmpfs: false,
    })
    const pod = aPod('pod', { volumes: [{ name: 'data', ...source }] })
    return { mounts, prepared: manager.prepare(pod) }
  }
  const ofClaim = { persistentVolumeClaim: { claimName: 'c' } }

  void it('makes nothing of projections that the API server has dropped, and says what it cannot make', async () => {
    const projecting = (source: VolumeProjection) => prepare({ projected: { sources: [source] } }).prepared
    const path = (await projecting({})).get('data')?.hostPath ?? ''
    assert.deepEqual(
      (await readdir(path)).filter((name) => !name.startsWith('..')),
      [],
    )
    const failed = 'MountVolume.SetUp failed for volume "data" : '
    await assert.rejects(projecting({ clusterTrustBundle: { name: 'b', path: 'ca.crt' } }), {
      message: `${failed}ClusterTrustBundle projection is not supported in static kubelet mode`,
    })
    await assert.rejects(
      projecting({ podCertificate: { signerName: 'example.org/s', keyType: 'ED25519' } }),
      {
        message: `${failed}projected volume source podCertificate is not supported on this node`,
      },
    )
  })

  void it('leaves the sticky bit on what is in memory, as the machine mounts it', async () => {
    const inMemory = (await prepare({ emptyDir: { medium: 'Memory' } }).prepared).get('data')
    assert.equal((await stat(inMemory!.hostPath)).mode & 0o7777, 0o1777)
    await rm(inMemory!.hostPath, { recursive: true })
    const onDisk = (await prepare({ emptyDir: {} }).prepared).get('data')
    assert.equal((await stat(onDisk!.hostPath)).mode & 0o7777, 0o777)
  })

  void it('mounts NFS, inline and by a claim', async () => {
    const inline = prepare({ nfs: { server: 'server', path: '/exported', readOnly: true } })
    assert.equal((await inline.prepared).get('data')?.readOnly, true)
    assert.match(inline.mounts[0] ?? '', /^nfs server:\/exported \/pods\/.*kubernetes.io~nfs\/data ro$/)
    const claimed = prepare(ofClaim, {
      spec: { nfs: { server: 'fd00::1', path: '/' }, mountOptions: ['nfsvers=4.1'] },
    })
    await claimed.prepared
    assert.match(claimed.mounts[0] ?? '', /^nfs \[fd00::1\]:\/ \/pods\/.*kubernetes.io~nfs\/v nfsvers=4.1$/)
  })

  void it('says what the mount program says', async () => {
    await assert.rejects(
      prepare({ nfs: { server: 'none', path: '/' } }).prepared,
      /^VolumeError: MountVolume\.SetUp failed for volume "data" : mount: bad option/,
    )
  })

  void it('serves no drivers where there are none', async () => {
    await assert.rejects(
      prepare(ofClaim, { spec: { csi: { driver: 'd', volumeHandle: 'h' } } }).prepared,
      /no volume plugin matched for PersistentVolume v/,
    )
  })
})

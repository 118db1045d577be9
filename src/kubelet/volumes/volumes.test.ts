import assert from 'node:assert/strict'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { writeAtomically, type Payload } from './atomic-writer.ts'
import { prepareHostPath } from './host-path.ts'
import { mountPointsBelow, systemMounter } from './mounts.ts'
import { giveToGroup } from './ownership.ts'
import { findClaimed, locateVolume } from './persistent-volume.ts'
import { aPod } from '../testing/pod-builder.ts'

const payload = (files: Readonly<Record<string, string>>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { content: Buffer.from(text), mode }]))

describe('volumes', () => {
  let root: string
  let count = 0
  before(async () => (root = await mkdtemp(join(tmpdir(), 'volumes-'))))
  after(() => rm(root, { recursive: true }))
  const directory = async () => {
    const path = join(root, String(count++))
    await mkdir(path)
    return path
  }
  const shown = async (path: string) => (await readdir(path)).filter((name) => !name.startsWith('..')).sort()

  describe('writeAtomically', () => {
    it('shows files through one symlink', async () => {
      const path = await directory()
      assert.equal(await writeAtomically(path, payload({ a: '1', 'deep/b': '2' }, 0o600)), true)
      assert.deepEqual(await shown(path), ['a', 'deep'])
      assert.equal(await readFile(join(path, 'deep/b'), 'utf8'), '2')
      assert.equal(await readlink(join(path, 'a')), '..data/a')
      assert.equal((await stat(join(path, 'a'))).mode & 0o777, 0o600)
    })

    it('does nothing when nothing has changed', async () => {
      const path = await directory()
      await writeAtomically(path, payload({ a: '1' }))
      const link = await readlink(join(path, '..data'))
      assert.equal(await writeAtomically(path, payload({ a: '1' })), false)
      assert.equal(await readlink(join(path, '..data')), link)
    })

    it('replaces everything at once and leaves nothing behind', async () => {
      const path = await directory()
      await writeAtomically(path, payload({ a: '1', b: '1' }))
      assert.equal(await writeAtomically(path, payload({ a: '2', c: '2' })), true)
      assert.deepEqual(await shown(path), ['a', 'c'])
      assert.equal(await readFile(join(path, 'a'), 'utf8'), '2')
      assert.equal((await readdir(path)).filter((name) => name.startsWith('..2')).length, 1)
    })

    it('leaves nothing of what there is no room for', { skip: process.getuid?.() !== 0 }, async () => {
      const path = await directory()
      await systemMounter.tmpfs(path, ['size=64k'])
      try {
        await writeAtomically(path, payload({ a: '1' }))
        const before = (await readdir(path)).sort()
        const large = payload({ a: '2', b: 'x'.repeat(100_000) })
        await assert.rejects(writeAtomically(path, large), { code: 'ENOSPC' })
        assert.deepEqual((await readdir(path)).sort(), before)
        assert.equal(await readFile(join(path, 'a'), 'utf8'), '1')
        assert.equal(await writeAtomically(path, payload({ a: '3' })), true)
      } finally {
        await systemMounter.unmount(path)
      }
    })

    for (const path of ['../x', '/x', 'a/../../x', '..x', '']) {
      it(`refuses ${JSON.stringify(path)}`, async () => {
        await assert.rejects(writeAtomically(await directory(), payload({ [path]: '' })), /invalid path/)
      })
    }
  })

  describe('prepareHostPath', () => {
    const rows = [
      { type: 'Directory', make: 'directory', ok: true },
      { type: 'Directory', make: 'file', ok: false },
      { type: 'Directory', make: 'nothing', ok: false },
      { type: 'DirectoryOrCreate', make: 'nothing', ok: true },
      { type: 'File', make: 'file', ok: true },
      { type: 'File', make: 'directory', ok: false },
      { type: 'FileOrCreate', make: 'nothing', ok: true },
      { type: 'Socket', make: 'file', ok: false },
      { type: 'CharDevice', make: 'file', ok: false },
      { type: '', make: 'nothing', ok: true },
    ] as const
    for (const { type, make, ok } of rows) {
      it(`${type || 'unset'} on ${make}`, async () => {
        const path = join(await directory(), 'there')
        if (make === 'directory') await mkdir(path)
        if (make === 'file') await writeFile(path, '')
        const done = prepareHostPath({ path, type })
        if (ok) assert.equal(await done, path)
        else await assert.rejects(done, /^VolumeError: hostPath type check failed: .* is not a/)
      })
    }
  })

  it(
    'giveToGroup opens a volume to its group',
    { skip: process.getuid?.() !== 0 && 'needs root' },
    async () => {
      const path = await directory()
      await mkdir(join(path, 'sub'), { mode: 0o700 })
      await writeFile(join(path, 'sub/file'), '', { mode: 0o600 })
      await giveToGroup(path, 1234, { readOnly: false })
      const found = await lstat(join(path, 'sub/file'))
      assert.deepEqual([found.gid, found.mode & 0o777], [1234, 0o660])
      assert.equal((await lstat(join(path, 'sub'))).mode & 0o7777, 0o2770)
    },
  )

  it('mountPointsBelow reads escapes and does not take neighbours', () => {
    const line = (path: string) => `36 35 98:0 / ${path} rw,noatime - ext3 /dev/root rw`
    const info = ['/a', '/a/b\\040c', '/ab', '/a/b'].map(line).join('\n')
    assert.deepEqual(mountPointsBelow(info, '/a'), ['/a', '/a/b c', '/a/b'])
  })

  describe('claimedVolume', () => {
    const claim = (phase: string) => ({
      metadata: { namespace: 'default', name: 'c', uid: 'claim' },
      spec: { volumeName: 'v' },
      status: { phase: phase as 'Bound' },
    })
    const source = (phase: string, uid: string, spec: object) => ({
      claim: async () => claim(phase),
      volume: async () => ({ spec: { claimRef: { uid }, ...spec } }),
    })

    const claimedVolume = async (from: ReturnType<typeof source>) =>
      locateVolume((await findClaimed(aPod('pod'), 'c', from)).volume)

    it('finds local and host paths', async () => {
      const path = await directory()
      const found = await claimedVolume(source('Bound', 'claim', { local: { path } }))
      assert.deepEqual(found, { type: 'path', hostPath: path, isLocal: true, isDevice: false })
    })

    const faults: readonly (readonly [string, string, object, RegExp])[] = [
      ['Pending', 'claim', {}, /non-bound phase/],
      ['Bound', 'other', {}, /is not claimed by/],
      ['Bound', 'claim', { rbd: { image: 'i', monitors: [] } }, /no volume plugin matched/],
      ['Bound', 'claim', { local: { path: '/tmp' }, volumeMode: 'Block' }, /not a block device/],
      ['Bound', 'claim', { local: { path: '/none' } }, /path "\/none" does not exist/],
    ]
    for (const [phase, uid, spec, expected] of faults) {
      it(`refuses: ${expected.source}`, () =>
        assert.rejects(claimedVolume(source(phase, uid, spec)), expected))
    }
  })
})

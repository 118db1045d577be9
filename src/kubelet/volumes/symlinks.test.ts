import assert from 'node:assert/strict'
import {
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Mounter } from './mounts.ts'
import { giveToGroup } from './ownership.ts'
import { removePodDirectory } from './pod-directory.ts'
import { removeTree } from './remove-tree.ts'
import { mountSubPath } from './sub-path.ts'

/** Which file was mounted, by the file system's own account of it at that time. */
function recordingMounter(mounted: string[], onBind: () => Promise<void> = async () => {}): Mounter {
  return {
    tmpfs: async () => {},
    mount: async () => {},
    async bind(source) {
      await onBind()
      mounted.push(await readlink(source))
    },
    unmount: async () => {},
    share: async () => {},
    below: async () => [],
  }
}

void describe('symlinks in volumes', () => {
  let root: string
  let count = 0
  before(async () => (root = await mkdtemp(join(tmpdir(), 'symlinks-'))))
  after(() => rm(root, { recursive: true }))

  /** A volume beside a directory that its users must not reach. */
  async function aVolume() {
    const base = join(root, String(count++))
    const volume = join(base, 'volume')
    const outside = join(base, 'outside')
    await mkdir(join(volume, 'inside'), { recursive: true })
    await mkdir(outside)
    await writeFile(join(outside, 'secret'), 'secret', { mode: 0o600 })
    return { base, volume, outside }
  }

  void describe('mountSubPath', () => {
    const rows: readonly (readonly [string, string, string])[] = [
      ['a link to a directory outside', 'OUTSIDE', 'link'],
      ['a link to a file outside', 'OUTSIDE/secret', 'link'],
      ['a relative link that leads up', '../outside', 'link'],
      ['a directory behind a link', 'OUTSIDE', 'link/deeper'],
      ['a link to the root of the machine', '/', 'link/etc'],
    ]
    for (const [name, to, subPath] of rows) {
      void it(`refuses ${name}`, async () => {
        const { base, volume, outside } = await aVolume()
        await symlink(to.replace('OUTSIDE', outside), join(volume, 'link'))
        const mounted: string[] = []
        await assert.rejects(
          mountSubPath(volume, subPath, join(base, 'target'), recordingMounter(mounted)),
          /leads outside of the volume/,
        )
        assert.deepEqual(mounted, [])
        await assert.rejects(lstat(join(outside, 'deeper')), /ENOENT/)
      })
    }

    void it('follows a link that stays inside', async () => {
      const { base, volume } = await aVolume()
      await symlink('inside', join(volume, 'link'))
      const mounted: string[] = []
      await mountSubPath(volume, 'link', join(base, 'target'), recordingMounter(mounted))
      assert.deepEqual(mounted, [join(volume, 'inside')])
    })

    void it('mounts what it looked at, though a link has taken its place', async () => {
      const { base, volume, outside } = await aVolume()
      const mounted: string[] = []
      const swap = async () => {
        await rename(join(volume, 'inside'), join(volume, 'moved'))
        await symlink(outside, join(volume, 'inside'))
      }
      await mountSubPath(volume, 'inside', join(base, 'target'), recordingMounter(mounted, swap))
      assert.deepEqual(mounted, [join(volume, 'moved')])
    })
  })

  void describe('giveToGroup', () => {
    void it('changes links, and not what they lead to', { skip: process.getuid?.() !== 0 }, async () => {
      const { volume, outside } = await aVolume()
      await symlink(join(outside, 'secret'), join(volume, 'link'))
      await symlink(outside, join(volume, 'inside', 'link'))
      await giveToGroup(volume, 4321, { readOnly: false })
      const { gid, mode } = await stat(join(outside, 'secret'))
      assert.deepEqual([gid === 4321, mode & 0o777], [false, 0o600])
      assert.equal((await lstat(join(volume, 'link'))).gid, 4321)
      assert.equal((await stat(join(volume, 'inside'))).gid, 4321)
    })

    void it('never leads elsewhere while links come and go', { skip: process.getuid?.() !== 0 }, async () => {
      const { volume, outside } = await aVolume()
      const file = join(volume, 'inside', 'file')
      const abort = new AbortController()
      const swapping = (async () => {
        while (!abort.signal.aborted) {
          await writeFile(`${file}.new`, '')
          await rename(`${file}.new`, file)
          await symlink(join(outside, 'secret'), `${file}.new`)
          await rename(`${file}.new`, file)
        }
      })()
      try {
        for (let time = 0; time < 200; time++) await giveToGroup(volume, 4321, { readOnly: false })
      } finally {
        abort.abort()
        await swapping
      }
      const { gid, mode } = await stat(join(outside, 'secret'))
      assert.deepEqual([gid === 4321, mode & 0o777], [false, 0o600])
    })
  })

  void describe('removeTree', () => {
    void it('removes links, and not what they lead to', async () => {
      const { volume, outside } = await aVolume()
      await symlink(outside, join(volume, 'inside', 'link'))
      await removeTree(volume)
      await assert.rejects(lstat(volume), /ENOENT/)
      assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret')
    })

    void it('never leads elsewhere while directories are replaced by links', async () => {
      for (let time = 0; time < 50; time++) {
        const { volume, outside } = await aVolume()
        const inside = join(volume, 'inside')
        for (let file = 0; file < 10; file++) await writeFile(join(inside, `f${file}`), '')
        const swap = async () => {
          await rename(inside, `${inside}.old`)
          await symlink(outside, inside)
        }
        await Promise.allSettled([removeTree(volume), swap()])
        assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret')
      }
    })

    void it('does nothing where nothing is', async () => {
      await removeTree(join(root, 'none', 'at', 'all'))
    })
  })

  void it('removePodDirectory leaves what links of the pod lead to', async () => {
    const { base, outside } = await aVolume()
    const directory = join(base, 'pod')
    await mkdir(join(directory, 'volumes'), { recursive: true })
    await symlink(outside, join(directory, 'volumes', 'link'))
    await removePodDirectory(directory, recordingMounter([]))
    assert.equal(await readFile(join(outside, 'secret'), 'utf8'), 'secret')
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { kubeletRoot, ownHostPaths } from './own-paths.ts'
import { isShared, makeRootDirectory } from './root-directory.ts'

describe('kubeletRoot', () => {
  const root = kubeletRoot('/data/node1/kubelet')
  const rows: readonly (readonly [string, string])[] = [
    ['/var/lib/kubelet', '/data/node1/kubelet'],
    ['/var/lib/kubelet/plugins/a', '/data/node1/kubelet/plugins/a'],
  ]
  for (const [expected, own] of rows) {
    it(`has ${expected} at ${own}`, () => {
      assert.equal(root.onNode(expected), own)
      assert.equal(root.asExpected(own), expected)
    })
  }
  for (const path of ['/var/lib/kubelets', '/var/lib', '/']) {
    it(`leaves ${path} alone`, () => {
      assert.equal(root.onNode(path), path)
      assert.equal(root.asExpected(path), path)
    })
  }
})

describe('ownHostPaths', () => {
  const paths = ownHostPaths('/data/node1/kubelet', {
    directory: '/data/node1/cni',
    plugins: '/data/node1/bin',
  })
  const rows: readonly (readonly [string, string])[] = [
    ['/etc/cni/net.d', '/data/node1/cni'],
    ['/etc/cni/net.d/05-other.conflist', '/data/node1/cni/05-other.conflist'],
    ['/opt/cni/bin', '/data/node1/bin'],
    ['/var/lib/kubelet/pods', '/data/node1/kubelet/pods'],
    ['/etc/cni', '/etc/cni'],
  ]
  for (const [expected, own] of rows) {
    it(`has ${expected} at ${own}`, () => assert.equal(paths.onNode(expected), own))
  }
})

describe('makeRootDirectory', () => {
  let folder: string
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'kubelet-root-'))))
  after(() => rm(folder, { recursive: true }))

  it('makes what drivers mount, and shares it', async () => {
    const shared: string[] = []
    await makeRootDirectory(join(folder, 'deep/kubelet'), { share: async (path) => void shared.push(path) })
    assert.deepEqual(await readdir(join(folder, 'deep/kubelet')), ['plugins', 'plugins_registry', 'pods'])
    assert.ok(shared.every((path) => path.endsWith('/deep/kubelet')))
    assert.equal(await realpath(join(folder, 'deep/kubelet')), shared[0] ?? join(folder, 'deep/kubelet'))
  })
})

describe('isShared', () => {
  const mountinfo = `22 1 0:1 / / rw - overlay overlay rw
30 22 8:1 / /data/a\\040b rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
31 30 0:40 / /data/a\\040b/own rw,relatime - tmpfs tmpfs rw
`
  const rows: readonly (readonly [string, boolean])[] = [
    ['/', false],
    ['/data/a b', true],
    ['/data/a b/below', true],
    ['/data/a bc', false],
    ['/data/a b/own/x', false],
  ]
  for (const [path, expected] of rows)
    it(`${path}: ${expected}`, () => assert.equal(isShared(path, mountinfo), expected))
})

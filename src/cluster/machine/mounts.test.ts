import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cgroupHierarchies, trackingHierarchy } from './cgroups.ts'
import { fileSystemType, mountsBelow } from './mounts.ts'

const mountInfo = `22 1 0:1 / / rw - overlay overlay rw
30 22 8:1 / /data rw - ext4 /dev/sda1 rw
31 30 0:40 / /data/k8ts/a\\040b rw - tmpfs tmpfs rw
32 31 0:41 / /data/k8ts/a\\040b/inner rw shared:1 - tmpfs tmpfs rw
33 30 0:42 / /data/k8tsx rw - tmpfs tmpfs rw
`

describe('mountsBelow', () => {
  it('gives the deepest first, and nothing that only begins alike', () => {
    assert.deepEqual(mountsBelow('/data/k8ts', mountInfo), ['/data/k8ts/a b/inner', '/data/k8ts/a b'])
  })
})

describe('fileSystemType', () => {
  it('is that of the nearest mount above', () => {
    assert.equal(fileSystemType('/data/k8ts', mountInfo), 'ext4')
    assert.equal(fileSystemType('/home/x', mountInfo), 'overlay')
  })
})

describe('trackingHierarchy', () => {
  const line = (path: string, type: string) => `1 2 0:1 / ${path} rw - ${type} cgroup rw\n`
  const rows = [
    {
      name: 'pids of version 1',
      info: line('/sys/fs/cgroup/memory', 'cgroup') + line('/sys/fs/cgroup/pids', 'cgroup'),
      mountPoint: '/sys/fs/cgroup/pids',
    },
    {
      name: 'pids of version 1 beside version 2',
      info: line('/sys/fs/cgroup/unified', 'cgroup2') + line('/sys/fs/cgroup/pids', 'cgroup'),
      mountPoint: '/sys/fs/cgroup/pids',
    },
    { name: 'version 2', info: line('/sys/fs/cgroup', 'cgroup2'), mountPoint: '/sys/fs/cgroup' },
    { name: 'none', info: '', mountPoint: undefined },
  ]
  for (const { name, info, mountPoint } of rows) {
    it(`is ${name}`, () => assert.equal(trackingHierarchy(cgroupHierarchies(info))?.mountPoint, mountPoint))
  }
})

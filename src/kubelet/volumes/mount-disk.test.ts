import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mountDisk, type RunProgram } from './mount-disk.ts'
import type { Mounter } from './mounts.ts'

interface Answer {
  readonly exitCode: number
  readonly output?: string
}

function mount(answers: Readonly<Record<string, Answer>>, fsType = '') {
  const steps: string[] = []
  const run: RunProgram = async (program, args) => {
    if (program !== 'blkid') steps.push([program, ...args].join(' '))
    return { output: '', ...(answers[program] ?? { exitCode: 0 }) }
  }
  const mounter: Mounter = {
    tmpfs: async () => {},
    bind: async () => {},
    share: async () => {},
    unmount: async () => {},
    below: async () => [],
    async mount(type, source, target, options) {
      steps.push(`mount ${type} ${source} ${target} ${options.join(',')}`)
    },
  }
  const disk = { device: '/dev/x', fsType, mountOptions: ['noatime'] }
  return { steps, done: mountDisk(disk, '/target', mounter, run) }
}

const holds = (output: string): Answer => ({ exitCode: 0, output })

describe('mountDisk', () => {
  const rows: readonly (readonly [string, Readonly<Record<string, Answer>>, string, readonly string[]])[] = [
    [
      'formats what holds nothing',
      { blkid: { exitCode: 2 } },
      '',
      ['mkfs.ext4 -F -m0 /dev/x', 'mount ext4 /dev/x /target noatime,defaults'],
    ],
    [
      'formats it as it is asked to',
      { blkid: { exitCode: 2 } },
      'xfs',
      ['mkfs.xfs /dev/x', 'mount xfs /dev/x /target noatime,defaults'],
    ],
    [
      'repairs what is formatted',
      { blkid: holds('DEVNAME=/dev/x\nTYPE=ext4\n'), fsck: { exitCode: 1 } },
      'ext4',
      ['fsck -a /dev/x', 'mount ext4 /dev/x /target noatime,defaults'],
    ],
    [
      'mounts where there is nothing to repair with',
      { blkid: holds('TYPE=ext4\n'), fsck: { exitCode: 127 } },
      '',
      ['fsck -a /dev/x', 'mount ext4 /dev/x /target noatime,defaults'],
    ],
  ]
  for (const [name, answers, fsType, expected] of rows) {
    it(name, async () => {
      const { steps, done } = mount(answers, fsType)
      await done
      assert.deepEqual(steps, expected)
    })
  }

  const faults: readonly (readonly [string, Readonly<Record<string, Answer>>, RegExp])[] = [
    ['another file system', { blkid: holds('TYPE=xfs\n') }, /as "ext4", it already contains xfs/],
    ['a table of partitions', { blkid: holds('PTTYPE=dos\n') }, /contains unknown data, probably partitions/],
    [
      'what cannot be repaired',
      { blkid: holds('TYPE=ext4\n'), fsck: { exitCode: 4, output: 'bad' } },
      /but could not correct them: bad$/,
    ],
    [
      'what cannot be formatted',
      { blkid: { exitCode: 2 }, 'mkfs.ext4': { exitCode: 1, output: 'read only' } },
      /format of disk "\/dev\/x" failed: .*\(read only\)$/,
    ],
    ['what cannot be looked at', { blkid: { exitCode: 127, output: 'ENOENT' } }, /blkid \/dev\/x: .*ENOENT/],
  ]
  for (const [name, answers, expected] of faults) {
    it(`leaves alone ${name}`, async () => {
      const { steps, done } = mount(answers)
      await assert.rejects(done, expected)
      assert.ok(!steps.some((step) => step.startsWith('mount')))
    })
  }
})

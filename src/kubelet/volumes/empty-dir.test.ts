import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, EmptyDirVolumeSource, PodSpec } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/pod-builder.ts'
import { emptyDirOf } from './empty-dir.ts'

const withLimit = (memory: string): Container => ({ name: 'c', resources: { limits: { memory } } })
const withPages = (...sizes: string[]): Container => ({
  name: 'c',
  resources: { limits: Object.fromEntries(sizes.map((size) => [`hugepages-${size}`, '4Mi'])) },
})

describe('emptyDirOf', () => {
  const rows: readonly (readonly [string, PodSpec['containers'], EmptyDirVolumeSource, string])[] = [
    ['a directory', [{ name: 'c' }], {}, 'directory'],
    [
      'memory: what pods may have of the node',
      [{ name: 'c' }],
      { medium: 'Memory' },
      'tmpfs size=1073741824',
    ],
    ['memory: what the pod may have', [withLimit('64Mi')], { medium: 'Memory' }, 'tmpfs size=67108864'],
    [
      'memory: not every container has a limit',
      [withLimit('64Mi'), { name: 'd' }],
      { medium: 'Memory' },
      'tmpfs size=1073741824',
    ],
    [
      'memory: what the volume may hold',
      [withLimit('64Mi')],
      { medium: 'Memory', sizeLimit: '1Mi' },
      'tmpfs size=1048576',
    ],
    [
      'memory: the volume may hold more than the pod may have',
      [withLimit('64Mi')],
      { medium: 'Memory', sizeLimit: '1Gi' },
      'tmpfs size=67108864',
    ],
    ['the only huge pages', [withPages('2Mi')], { medium: 'HugePages' }, 'hugetlbfs pagesize=2Mi'],
    ['named huge pages', [withPages('2Mi', '1Gi')], { medium: 'HugePages-1Gi' }, 'hugetlbfs pagesize=1Gi'],
  ]
  for (const [name, containers, source, expected] of rows) {
    it(name, () => {
      const found = emptyDirOf(aPod('pod', { containers }), source, '1Gi')
      const options = found.type === 'directory' ? [] : found.mountOptions
      assert.equal([found.type, ...options].join(' '), expected)
    })
  }

  const faults: readonly (readonly [string, PodSpec['containers'], string, RegExp])[] = [
    ['several sizes', [withPages('2Mi', '1Gi')], 'HugePages', /requests multiple huge page sizes/],
    ['no huge pages', [{ name: 'c' }], 'HugePages', /no resource request for huge pages/],
    ['huge pages of another size', [withPages('2Mi')], 'HugePages-1Gi', /no resource request for huge pages/],
    ['a medium that is none', [{ name: 'c' }], 'Paper', /^VolumeError: unknown storage medium "Paper"/],
  ]
  for (const [name, containers, medium, expected] of faults) {
    it(`refuses ${name}`, () => {
      assert.throws(() => emptyDirOf(aPod('pod', { containers }), { medium }, '1Gi'), expected)
    })
  }
})

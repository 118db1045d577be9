import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/core.v1.ts'
import { findMatchingVolume, type MatchOptions } from './volume-matching.ts'

function aVolume(
  name: string,
  storage: string,
  more: Partial<PersistentVolume['spec']> = {},
): PersistentVolume {
  return {
    metadata: { name, labels: { name } },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'disk', ...more },
    status: { phase: 'Available' },
  }
}

function aClaim(storage: string, more: Partial<PersistentVolumeClaim['spec']> = {}): PersistentVolumeClaim {
  return {
    metadata: { namespace: 'default', name: 'claim', uid: 'uid' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'disk',
      resources: { requests: { storage } },
      ...more,
    },
  }
}

const reserved = { claimRef: { namespace: 'default', name: 'claim' } }
const elsewhere = { claimRef: { namespace: 'default', name: 'other' } }
const onB: Partial<PersistentVolume['spec']> = {
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'on', operator: 'In', values: ['b'] }] }],
    },
  },
}
const nodeB = { metadata: { name: 'b', labels: { on: 'b' } } }
const nodeA = { metadata: { name: 'a', labels: { on: 'a' } } }

const rows: readonly {
  readonly name: string
  readonly volumes: readonly PersistentVolume[]
  readonly claim: PersistentVolumeClaim
  readonly options?: MatchOptions
  readonly found: string | undefined
}[] = [
  {
    name: 'the smallest that is large enough',
    volumes: [aVolume('large', '10Gi'), aVolume('small', '1Gi'), aVolume('fits', '5Gi')],
    claim: aClaim('2Gi'),
    found: 'fits',
  },
  {
    name: 'the one reserved for it',
    volumes: [aVolume('a', '5Gi'), aVolume('mine', '9Gi', reserved)],
    claim: aClaim('2Gi'),
    found: 'mine',
  },
  {
    name: 'none reserved for others',
    volumes: [aVolume('a', '5Gi', elsewhere)],
    claim: aClaim('2Gi'),
    found: undefined,
  },
  {
    name: 'none of another class',
    volumes: [aVolume('a', '5Gi', { storageClassName: 'tape' })],
    claim: aClaim('2Gi'),
    found: undefined,
  },
  {
    name: 'none of other access modes',
    volumes: [aVolume('a', '5Gi')],
    claim: aClaim('2Gi', { accessModes: ['ReadWriteMany'] }),
    found: undefined,
  },
  {
    name: 'none of another mode',
    volumes: [aVolume('a', '5Gi', { volumeMode: 'Block' })],
    claim: aClaim('2Gi'),
    found: undefined,
  },
  {
    name: 'what its selector matches',
    volumes: [aVolume('a', '5Gi'), aVolume('b', '5Gi')],
    claim: aClaim('2Gi', { selector: { matchLabels: { name: 'b' } } }),
    found: 'b',
  },
  {
    name: 'where the pod goes',
    volumes: [aVolume('a', '5Gi', onB)],
    claim: aClaim('1Gi'),
    options: { node: nodeB },
    found: 'a',
  },
  {
    name: 'nothing that is elsewhere',
    volumes: [aVolume('a', '5Gi', onB)],
    claim: aClaim('1Gi'),
    options: { node: nodeA },
    found: undefined,
  },
  {
    name: 'nothing before its pod has a node',
    volumes: [aVolume('a', '5Gi')],
    claim: aClaim('1Gi'),
    options: { isDelayed: true },
    found: undefined,
  },
  {
    name: 'nothing that is given away',
    volumes: [aVolume('a', '5Gi')],
    claim: aClaim('1Gi'),
    options: { excluded: new Set(['a']) },
    found: undefined,
  },
]

for (const { name, volumes, claim, options, found } of rows) {
  test(`findMatchingVolume finds ${name}`, () => {
    assert.equal(findMatchingVolume(claim, volumes, options)?.metadata?.name, found)
  })
}

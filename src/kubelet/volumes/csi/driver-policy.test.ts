import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PersistentVolumeAccessMode } from '../../../api/generated/core.v1.ts'
import type { CSIDriverSpec } from '../../../api/generated/storage.v1.ts'
import { persistentCsiVolume } from './csi-volume.ts'
import { changesGroup, checkLifecycle } from './driver-policy.ts'

interface Row {
  readonly policy?: CSIDriverSpec['fsGroupPolicy']
  readonly modes?: readonly PersistentVolumeAccessMode[]
  readonly fsType?: string
  readonly volumeMode?: 'Block'
  readonly podReadsOnly?: boolean
  readonly volumeReadOnly?: boolean
}

function volumeOf({ modes = ['ReadWriteOnce'], fsType = 'ext4', volumeMode, ...row }: Row) {
  const { podReadsOnly = false, volumeReadOnly = false } = row
  return persistentCsiVolume(
    {
      spec: {
        accessModes: modes,
        ...(volumeMode && { volumeMode }),
        csi: { driver: 'd', volumeHandle: 'h', fsType, readOnly: volumeReadOnly },
      },
    },
    podReadsOnly,
  )
}

describe('changesGroup', () => {
  const rows: readonly (readonly [string, Row, boolean])[] = [
    ['by default, a volume of one node', {}, true],
    ['by default, a volume of one pod', { modes: ['ReadWriteOncePod'] }, true],
    ['by default, a volume of many nodes', { modes: ['ReadWriteMany'] }, false],
    ['by default, no file system', { fsType: '' }, false],
    ['None', { policy: 'None' }, false],
    [
      'File, of many nodes, without a file system',
      { policy: 'File', modes: ['ReadWriteMany'], fsType: '' },
      true,
    ],
    ['File, where the pod only reads', { policy: 'File', podReadsOnly: true }, false],
    ['File, where the volume was attached to be read', { policy: 'File', volumeReadOnly: true }, true],
    ['a block device', { policy: 'File', volumeMode: 'Block' }, false],
  ]
  for (const [name, row, expected] of rows) {
    it(`${name}: ${expected}`, () => {
      const object = { spec: { ...(row.policy && { fsGroupPolicy: row.policy }) } }
      assert.equal(changesGroup(volumeOf(row), object), expected)
    })
  }
})

describe('checkLifecycle', () => {
  it('lets drivers have persistent volumes, and no others unless they say so', () => {
    const ephemeral = { ...volumeOf({}), lifecycle: 'Ephemeral' as const }
    checkLifecycle(volumeOf({}), undefined)
    checkLifecycle(ephemeral, { spec: { volumeLifecycleModes: ['Ephemeral'] } })
    assert.throws(() => checkLifecycle(ephemeral, undefined), /\(no CSIDriver object\)/)
    assert.throws(
      () => checkLifecycle(ephemeral, { spec: {} }),
      /volume mode "Ephemeral" not supported by driver d \(only supports \["Persistent"\]\)/,
    )
  })
})

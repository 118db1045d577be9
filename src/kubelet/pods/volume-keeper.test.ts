import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { VolumeError } from '../volumes/volume-error.ts'
import type { PodServices } from './services.ts'
import { keepVolumes } from './volume-keeper.ts'

test('keepVolumes tries again until volumes are there, and leaves those of a pod that ends alone', async () => {
  const clock = fakeClock()
  const warnings: string[] = []
  let pod: Pod = { metadata: { name: 'web', namespace: 'default', uid: 'u' } }
  let problem: string | undefined = 'configmap "c" not found'
  const services = {
    clock,
    refreshVolumesAtMs: () => Infinity,
    volumes: {
      prepare: async (): Promise<PreparedVolumes> => {
        if (problem !== undefined) throw new VolumeError(problem)
        return new Map()
      },
    },
  } as unknown as PodServices
  const keeper = keepVolumes(
    services,
    () => pod,
    () => ({ normal() {}, warning: (reason, message) => void warnings.push(`${reason}: ${message}`) }),
  )
  await clock.advance(100)
  problem = undefined
  await clock.advance(500)
  await keeper.ready
  assert.deepEqual(warnings, ['FailedMount: configmap "c" not found'])

  problem = 'configmap "c" not found'
  pod = { metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  keeper.refresh()
  await clock.advance(10_000)
  assert.equal(warnings.length, 1)
  await keeper.stop()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceSlice } from '../generated/resource.v1.ts'
import type { Writable } from '../../machinery/meta.ts'
import { resourceSliceDefinition } from './resource-slice.ts'

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

test('resourceSliceDefinition says since when devices are tainted, where the driver does not', () => {
  const slice = {
    metadata: { name: 's' },
    spec: {
      driver: 'd.example',
      pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
      devices: [
        {
          name: 'g0',
          taints: [
            { key: 'broken', effect: 'NoSchedule' },
            { key: 'old', effect: 'NoExecute', timeAdded: '2025-01-01T00:00:00Z' },
          ],
        },
        { name: 'g1' },
      ],
    },
  } satisfies ResourceSlice as Writable<ResourceSlice>
  const { defaults } = resourceSliceDefinition.strategy
  defaults!(slice, nowMs)
  defaults!(slice, nowMs + 5000)
  assert.deepEqual(
    slice.spec.devices!.map(({ taints }) => taints?.map(({ timeAdded }) => timeAdded)),
    [['2026-01-02T03:04:05Z', '2025-01-01T00:00:00Z'], undefined],
  )
})

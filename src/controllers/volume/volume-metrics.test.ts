import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMetrics } from '../../machinery/metrics.ts'
import { countAssignment } from './volume-metrics.ts'

void it('countAssignment counts what worked and what did not', async () => {
  const metrics = createMetrics()
  await countAssignment(metrics, Promise.resolve())
  await countAssignment(metrics, Promise.resolve())
  await assert.rejects(countAssignment(metrics, Promise.reject(new Error('refused'))), /refused/)
  assert.match(metrics.text(), /\nretroactive_storageclass_total 2\n/)
  assert.match(metrics.text(), /\nretroactive_storageclass_errors_total 1\n/)
})

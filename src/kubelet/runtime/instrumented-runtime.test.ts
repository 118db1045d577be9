import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { instrumentedRuntime } from './instrumented-runtime.ts'
import { RuntimeError } from './runtime-error.ts'
import { createSimulatedRuntime } from './simulated/simulated-runtime.ts'

test('instrumentedRuntime counts calls and those that fail', async () => {
  const metrics = createMetrics()
  const clock = fakeClock()
  const runtime = instrumentedRuntime(createSimulatedRuntime({ clock }), metrics, clock)
  assert.equal(runtime.type, 'simulated')
  await runtime.listContainers()
  await assert.rejects(runtime.startContainer('none'), RuntimeError)
  const text = metrics.text()
  assert.match(text, /^kubelet_runtime_operations_total\{operation_type="list_containers"\} 1$/m)
  assert.match(text, /^kubelet_runtime_operations_total\{operation_type="start_container"\} 1$/m)
  assert.match(text, /^kubelet_runtime_operations_errors_total\{operation_type="start_container"\} 1$/m)
  assert.match(
    text,
    /^kubelet_runtime_operations_duration_seconds_count\{operation_type="start_container"\} 1$/m,
  )
})

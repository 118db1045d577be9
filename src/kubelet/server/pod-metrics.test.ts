import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, Pod } from '../../api/generated/core.v1.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { observePods } from './pod-metrics.ts'

function aPod(hasSandbox: boolean, ...states: ContainerState[]): Pod {
  return {
    status: {
      conditions: [{ type: 'PodReadyToStartContainers', status: hasSandbox ? 'True' : 'False' }],
      containerStatuses: states.map((state, index) => ({
        name: `c${index}`,
        ready: false,
        restartCount: 0,
        image: 'app:1',
        imageID: '',
        state,
      })),
    },
  }
}

test('observePods counts sandboxes and containers when it is asked', () => {
  const metrics = createMetrics()
  let pods: readonly Pod[] = []
  observePods(metrics, 'node1', () => pods)
  assert.match(metrics.text(), /^kubelet_node_name\{node="node1"\} 1$/m)
  assert.match(metrics.text(), /^kubelet_running_pods 0$/m)
  pods = [
    aPod(
      true,
      { running: {} },
      { terminated: { exitCode: 0 } },
      { waiting: { reason: 'ContainerCreating' } },
    ),
    aPod(false, { waiting: { reason: 'ContainerCreating' } }),
  ]
  const text = metrics.text()
  assert.match(text, /^kubelet_running_pods 1$/m)
  assert.match(text, /^kubelet_running_containers\{container_state="running"\} 1$/m)
  assert.match(text, /^kubelet_running_containers\{container_state="exited"\} 1$/m)
  assert.match(text, /^kubelet_running_containers\{container_state="created"\} 0$/m)
})

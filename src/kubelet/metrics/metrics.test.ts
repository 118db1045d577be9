import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { noCgroups } from '../cgroups/cgroup-manager.ts'
import { measuredCgroups } from './measured-cgroups.ts'
import { createPodMetrics } from './pod-metrics.ts'
import { createServerMetrics } from './server-metrics.ts'
import { createStorageMetrics, observeVolumes } from './storage-metrics.ts'

function world() {
  const [metrics, clock] = [createMetrics(), fakeClock()]
  const has = (line: string) =>
    assert.ok(metrics.text().split('\n').includes(line), `${line} is not in\n${metrics.text()}`)
  return { metrics, clock, has }
}

describe('createPodMetrics', () => {
  it('counts looks, starts, failures and evictions under upstream’s names', () => {
    const { metrics, clock, has } = world()
    const pods = createPodMetrics(metrics, clock)
    pods.came(2)
    pods.looked('create', clock.monotonic())
    pods.ran(1500)
    pods.acted({ type: 'createSandbox', attempt: 0 })
    pods.acted({ type: 'createSandbox', attempt: 1 }, 'Unknown')
    const start = { type: 'startContainer', name: 'app', attempt: 0, sandboxID: 's' } as const
    pods.acted({ ...start, kind: 'sidecar' })
    pods.acted({ ...start, kind: 'main' }, 'ErrImagePull')
    pods.acted({ type: 'stopSandbox', sandboxID: 's' })
    pods.evicted('memory.available')
    has('kubelet_containers_per_pod_count_sum 2')
    has('kubelet_pod_worker_duration_seconds_count{operation_type="create"} 1')
    has('kubelet_pod_start_duration_seconds_bucket{le="2"} 1')
    has('kubelet_started_pods_total 2')
    has('kubelet_started_pods_errors_total 1')
    has('kubelet_started_containers_total{container_type="init_container"} 1')
    has('kubelet_started_containers_errors_total{container_type="container",code="ErrImagePull"} 1')
    has('kubelet_evictions{eviction_signal="memory.available"} 1')
  })
})

describe('createStorageMetrics', () => {
  it('times operations by how they end', async () => {
    const { metrics, clock, has } = world()
    const storage = createStorageMetrics(metrics, clock)
    await storage.measure('volume_mount', 'kubernetes.io/secret', async () => {})
    await assert.rejects(
      storage.measure('volume_mount', 'kubernetes.io/secret', async () => Promise.reject(new Error('no'))),
    )
    const labels = (status: string) =>
      `{migrated="false",operation_name="volume_mount",status="${status}",volume_plugin="kubernetes.io/secret"}`
    has(`storage_operation_duration_seconds_count${labels('success')} 1`)
    has(`storage_operation_duration_seconds_count${labels('fail-unknown')} 1`)
  })
})

describe('observeVolumes', () => {
  it('counts volumes that are wanted and that are there, also when none are left', () => {
    const { metrics, has } = world()
    const pod: Pod = {
      spec: {
        containers: [],
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'b', emptyDir: {} },
        ],
      },
    }
    let pods = [pod]
    observeVolumes(
      metrics,
      () => pods,
      () => new Set(['a']),
    )
    const labels = (state: string) =>
      `{plugin_name="kubernetes.io/empty-dir",state="${state}_state_of_world"}`
    has(`volume_manager_total_volumes${labels('desired')} 2`)
    has(`volume_manager_total_volumes${labels('actual')} 1`)
    pods = []
    has(`volume_manager_total_volumes${labels('desired')} 0`)
  })
})

describe('measuredCgroups', () => {
  it('times changes', async () => {
    const { metrics, clock, has } = world()
    const cgroups = measuredCgroups(noCgroups, metrics, clock)
    await cgroups.create({})
    await cgroups.remove('uid')
    has('kubelet_cgroup_manager_duration_seconds_count{operation_type="create"} 1')
    has('kubelet_cgroup_manager_duration_seconds_count{operation_type="destroy"} 1')
  })
})

describe('createServerMetrics', () => {
  it('counts requests while they are answered and after', () => {
    const { metrics, clock, has } = world()
    const server = createServerMetrics(metrics, clock)
    const response = new EventEmitter() as unknown as ServerResponse
    server.began({ method: 'GET' } as IncomingMessage, response, 'pods')
    const labels = '{long_running="false",method="GET",path="pods",server_type="readwrite"}'
    has(`kubelet_http_requests_total${labels} 1`)
    has(`kubelet_http_inflight_requests${labels} 1`)
    response.emit('close')
    has(`kubelet_http_inflight_requests${labels} 0`)
    has(`kubelet_http_requests_duration_seconds_count${labels} 1`)
  })
})

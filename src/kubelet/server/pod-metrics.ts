import type { ContainerStatus, Pod } from '../../api/generated/core.v1.ts'
import type { Metrics } from '../../machinery/metrics.ts'

const states = ['created', 'running', 'exited'] as const

/** What the node runs, counted when it is asked for. Source: kubernetes/pkg/kubelet/metrics. */
export function observePods(metrics: Metrics, nodeName: string, pods: () => readonly Pod[]): void {
  metrics
    .gauge({ name: 'kubelet_node_name', help: 'The name of the node; always 1.', labels: ['node'] })
    .with({ node: nodeName })
    .set(1)
  const running = metrics.gauge({ name: 'kubelet_running_pods', help: 'Pods whose sandbox runs.' }).with({})
  const containers = metrics.gauge({
    name: 'kubelet_running_containers',
    help: 'Containers by what they do.',
    labels: ['container_state'],
  })
  metrics.onCollect(() => {
    const found = pods()
    running.set(found.filter(hasSandbox).length)
    const all = found.flatMap(containerStates)
    for (const state of states) {
      containers.with({ container_state: state }).set(all.filter((each) => each === state).length)
    }
  })
}

function hasSandbox({ status }: Pod): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'PodReadyToStartContainers')
  return condition?.status === 'True'
}

function containerStates({ status = {} }: Pod): (typeof states)[number][] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].flatMap(
    ({ state, containerID }: ContainerStatus) => {
      if (state?.running) return ['running']
      if (state?.terminated) return ['exited']
      return containerID ? ['created'] : []
    },
  )
}

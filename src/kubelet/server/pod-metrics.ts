import type { ContainerStatus, Pod } from '../../api/generated/core.v1.ts'
import { isConditionTrue } from '../../machinery/conditions.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { isStaticPod, isTerminalPhase } from '../pods/pod.ts'

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
  const byOrigin = (name: string, help: string) => metrics.gauge({ name, help, labels: ['static'] })
  const desired = byOrigin(
    'kubelet_desired_pods',
    'Pods that are to run here; static where from this machine.',
  )
  const active = byOrigin('kubelet_active_pods', 'Pods that have not ended; static where from this machine.')
  const mirrors = metrics
    .gauge({ name: 'kubelet_mirror_pods', help: 'Static pods that the API server is to show.' })
    .with({})
  const ephemeral = metrics
    .gauge({ name: 'kubelet_managed_ephemeral_containers', help: 'Ephemeral containers of pods.' })
    .with({})
  metrics.onCollect(() => {
    const found = pods()
    for (const origin of [true, false]) {
      const own = found.filter((pod) => isStaticPod(pod) === origin)
      desired.with({ static: origin ? 'true' : '' }).set(own.length)
      active
        .with({ static: origin ? 'true' : '' })
        .set(own.filter(({ status }) => !isTerminalPhase(status?.phase)).length)
      if (origin) mirrors.set(own.length)
    }
    ephemeral.set(found.reduce((sum, { spec }) => sum + (spec?.ephemeralContainers?.length ?? 0), 0))
    running.set(found.filter(hasSandbox).length)
    const all = found.flatMap(containerStates)
    for (const state of states) {
      containers.with({ container_state: state }).set(all.filter((each) => each === state).length)
    }
  })
}

function hasSandbox({ status }: Pod): boolean {
  return isConditionTrue(status?.conditions, 'PodReadyToStartContainers')
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

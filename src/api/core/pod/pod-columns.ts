import { humanDuration } from '../../../machinery/duration.ts'
import type { ContainerStatus, Pod, PodStatus } from '../../generated/core.v1.ts'
import { ageColumn, column, nameColumn, wide } from '../../columns.ts'
import type { Column } from '../../definition.ts'

/** `kubectl get pods`, after upstream's printer. */
export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', 'The aggregate readiness state of this pod for accepting traffic.', (pod) => {
    return `${countReady(pod)}/${containerCount(pod)}`
  }),
  column('Status', 'The aggregate status of the containers in this pod.', podStatusText),
  column(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    restarts,
  ),
  ageColumn,
  wide(
    column(
      'IP',
      'IP address allocated to the pod. Routable at least within the cluster.',
      ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '<none>',
    ),
  ),
  wide(column('Node', 'The node that the pod runs on.', ({ spec }) => spec?.nodeName || '<none>')),
  wide(
    column(
      'Nominated Node',
      'The node on which room is made for the pod.',
      ({ status }) => status?.nominatedNodeName || '<none>',
    ),
  ),
  wide(
    column(
      'Readiness Gates',
      'Conditions beside readiness of containers that the pod waits for.',
      readinessGates,
    ),
  ),
]

function sidecarNames({ spec }: Pod): Set<string> {
  return new Set(
    (spec?.initContainers ?? []).flatMap(({ name, restartPolicy }) =>
      restartPolicy === 'Always' ? [name] : [],
    ),
  )
}

function containerCount(pod: Pod): number {
  return (pod.spec?.containers.length ?? 0) + sidecarNames(pod).size
}

function countReady(pod: Pod): number {
  const sidecars = sidecarNames(pod)
  const readySidecars = (pod.status?.initContainerStatuses ?? []).filter(
    ({ name, started, ready }) => sidecars.has(name) && started && ready,
  )
  const readyContainers = (pod.status?.containerStatuses ?? []).filter(
    ({ ready, state }) => ready && state?.running,
  )
  return readySidecars.length + readyContainers.length
}

/** One word for how the pod is: its phase, or what keeps it from being well. */
function podStatusText(pod: Pod): string {
  const { status = {}, metadata } = pod
  const text = initText(pod) ?? containersText(status)
  if (!metadata?.deletionTimestamp) return text
  if (status.reason === 'NodeLost') return 'Unknown'
  return isOver(status) ? text : 'Terminating'
}

function isOver({ phase }: PodStatus): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/** `Init:1/2`, `Init:Error`, ... while init containers are not through. */
function initText(pod: Pod): string | undefined {
  const { status, spec } = pod
  const sidecars = sidecarNames(pod)
  const statuses = status?.initContainerStatuses ?? []
  for (const [index, container] of statuses.entries()) {
    const { terminated, waiting } = container.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (sidecars.has(container.name) && container.started) continue
    if (terminated) return `Init:${terminated.reason || exitText(terminated)}`
    if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`
    return `Init:${index}/${spec?.initContainers?.length ?? 0}`
  }
  return undefined
}

function exitText({ signal, exitCode }: { signal?: number; exitCode: number }): string {
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function containersText(status: PodStatus): string {
  let text = status.reason || status.phase || ''
  if (!status.reason && isGated(status)) text = 'SchedulingGated'
  let hasRunning = false
  for (const { state, ready } of (status.containerStatuses ?? []).toReversed()) {
    if (state?.waiting?.reason) text = state.waiting.reason
    else if (state?.terminated) text = state.terminated.reason || exitText(state.terminated)
    else if (ready && state?.running) hasRunning = true
  }
  if (text !== 'Completed' || !hasRunning) return text
  const isReady = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')
  return isReady ? 'Running' : 'NotReady'
}

function isGated({ conditions = [] }: PodStatus): boolean {
  return conditions.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')
}

/** The count, and how long ago the last restart was: `3 (5m ago)`. */
function restarts(pod: Pod, now: number): string {
  const sidecars = sidecarNames(pod)
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  const isInitializing = initText(pod) !== undefined
  const counted = isInitializing
    ? initContainerStatuses
    : [...initContainerStatuses.filter(({ name }) => sidecars.has(name)), ...containerStatuses]
  const count = counted.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const last = Math.max(...counted.map(lastEnd))
  return count === 0 || last === -Infinity ? `${count}` : `${count} (${humanDuration(now - last)} ago)`
}

function lastEnd({ lastState }: ContainerStatus): number {
  const finishedAt = lastState?.terminated?.finishedAt
  return finishedAt ? Date.parse(finishedAt) : -Infinity
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const passed = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === 'True'),
  )
  return `${passed.length}/${gates.length}`
}

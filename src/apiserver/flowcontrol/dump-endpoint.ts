import type { Endpoint } from '../http/api-handler.ts'
import { textReply } from '../http/reply.ts'
import type { FlowControl } from './flow-control.ts'
import type { FlowRequest, PriorityLevel } from './priority-level.ts'
import type { Turn } from './queue-set.ts'

const root = '/debug/api_priority_and_fairness/'

/** Serves tables of who waits for what. Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go. */
export function flowControlDumpEndpoint(
  flowControl: FlowControl,
  clock: { now(): number; monotonic(): number },
): Endpoint {
  return ({ request, info }) => {
    if (!info.path.startsWith(root)) return undefined
    const levels = [...flowControl.levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    switch (info.path.slice(root.length)) {
      case 'dump_priority_levels':
        return reply(levelRows(levels))
      case 'dump_queues':
        return reply(queueRows(levels))
      case 'dump_requests': {
        const details = Boolean(request.query.get('includeRequestDetails'))
        const wallTime = (ms: number) => new Date(clock.now() - clock.monotonic() + ms).toISOString()
        return reply(requestRows(levels, details, wallTime))
      }
      default:
        return undefined
    }
  }
}

type Row = readonly (string | number | boolean)[]

function reply(rows: readonly Row[]) {
  return Promise.resolve(textReply(200, table(rows)))
}

/** Go's tabwriter with cells of at least 8, padded by one, of rows whose cells end in commas. */
function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => row.map((cell, at) => `${cell}${at < row.length - 1 ? ',' : ''}`))
  const widths: number[] = []
  for (const line of lines) {
    for (const [at, cell] of line.slice(0, -1).entries()) {
      widths[at] = Math.max(widths[at] ?? 8, cell.length + 1)
    }
  }
  return lines
    .map((line) => line.map((cell, at) => (at < line.length - 1 ? cell.padEnd(widths[at]!) : cell)).join(''))
    .map((line) => `${line}\n`)
    .join('')
}

function levelRows(levels: readonly PriorityLevel[]): readonly Row[] {
  const header = [
    'PriorityLevelName',
    'ActiveQueues',
    'IsIdle',
    'IsQuiescing',
    'WaitingRequests',
    'ExecutingRequests',
    'DispatchedRequests',
    'RejectedRequests',
    'TimedoutRequests',
    'CancelledRequests',
  ]
  const rows = levels.map(({ name, queues, counts, isQuiescing }) => [
    name,
    queues.dump().queues.filter(({ waiting }) => waiting.length > 0).length,
    queues.isIdle,
    isQuiescing,
    queues.waiting,
    queues.executing,
    counts.dispatched,
    counts.rejected,
    0,
    counts.cancelled,
  ])
  return [header, ...rows]
}

function queueRows(levels: readonly PriorityLevel[]): readonly Row[] {
  const header = [
    'PriorityLevelName',
    'Index',
    'PendingRequests',
    'ExecutingRequests',
    'SeatsInUse',
    'NextDispatchR',
    'InitialSeatsSum',
    'MaxSeatsSum',
    'TotalWorkSum',
  ]
  const rows = levels.flatMap(({ name, queues }) =>
    queues
      .dump()
      .queues.map((queue, index) => [
        name,
        index,
        queue.waiting.length,
        queue.executing.length,
        queue.seatsInUse,
        seatSeconds(queue.nextDispatchR),
        queue.waiting.reduce((all, { work }) => all + work.initialSeats, 0),
        queue.waiting.reduce((all, { work }) => all + Math.max(work.initialSeats, work.finalSeats), 0),
        seatSeconds(queue.workWaiting),
      ]),
  )
  return [header, ...rows]
}

function seatSeconds(seatMs: number): string {
  return `${(seatMs / 1000).toFixed(8)}ss`
}

function requestRows(
  levels: readonly PriorityLevel[],
  withDetails: boolean,
  wallTime: (ms: number) => string,
): readonly Row[] {
  const header = [
    'PriorityLevelName',
    'FlowSchemaName',
    'QueueIndex',
    'RequestIndexInQueue',
    'FlowDistingsher',
    'ArriveTime',
    'InitialSeats',
    'FinalSeats',
    'AdditionalLatency',
    'StartTime',
  ]
  const details = [
    'UserName',
    'Verb',
    'APIPath',
    'Namespace',
    'Name',
    'APIVersion',
    'Resource',
    'SubResource',
  ]
  const row = (level: string, queue: number, index: number, turn: Turn<FlowRequest>): Row => {
    const { request, work, state } = turn
    const { user, info } = request
    const own = [
      level,
      request.flow.name,
      queue,
      index,
      request.distinguisher,
      wallTime(turn.arrivedMs),
      work.initialSeats,
      work.finalSeats,
      work.additionalLatencyMs === 0 ? '0s' : `${work.additionalLatencyMs}ms`,
      state === 'waiting' ? '0001-01-01T00:00:00Z' : wallTime(turn.startedMs),
    ]
    if (!withDetails) return own
    const version = info.group === '' ? info.version : `${info.group}/${info.version}`
    const { verb, path, namespace, name, resource, subresource } = info
    return [...own, user.name, verb, path, namespace, name, version, resource, subresource]
  }
  const rows = levels.flatMap(({ name, queues }) => {
    const { queues: each, withoutQueue } = queues.dump()
    return [
      ...each.flatMap(({ waiting, executing }, queue) => [
        ...waiting.map((turn, index) => row(name, queue, index, turn)),
        ...executing.map((turn) => row(name, queue, -1, turn)),
      ]),
      ...withoutQueue.map((turn) => row(name, -1, -1, turn)),
    ]
  })
  return [withDetails ? [...header, ...details] : header, ...rows]
}

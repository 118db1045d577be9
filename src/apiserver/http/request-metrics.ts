import { metricsContentType, type Counter, type Histogram, type Metrics } from '../../machinery/metrics.ts'
import type { RequestInfo } from '../request-info.ts'

/** Source: k8s.io/apiserver/pkg/endpoints/metrics. Seconds. */
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
]

const upperVerbs: Readonly<Record<string, string>> = {
  create: 'POST',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  get: 'GET',
  list: 'LIST',
  patch: 'PATCH',
  update: 'PUT',
  watch: 'WATCH',
}

interface Series {
  readonly count: Counter
  readonly duration: Histogram
}

/** Counts and times requests, under upstream's names. */
export class RequestMetrics {
  readonly #metrics: Metrics
  readonly #total
  readonly #duration
  readonly #inFlight
  readonly #longRunning
  readonly #watchEvents
  /** By what the labels are made of: looking labels up for each request costs more than the request. */
  readonly #series = new Map<string, Series>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    this.#total = metrics.counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, resource and code.',
      labels: [
        'code',
        'component',
        'dry_run',
        'group',
        'resource',
        'scope',
        'subresource',
        'verb',
        'version',
      ],
      stability: 'STABLE',
    })
    this.#duration = metrics.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Time from the request to the end of its answer, by verb and resource; watches are not counted.',
      labels: ['component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
      buckets: durationBuckets,
      stability: 'STABLE',
    })
    this.#inFlight = metrics.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way, by kind: mutating or readOnly.',
      labels: ['request_kind'],
      stability: 'STABLE',
    })
    this.#longRunning = metrics.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and connections under way.',
      labels: ['component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
      stability: 'STABLE',
    })
    this.#watchEvents = metrics.counter({
      name: 'apiserver_watch_events_total',
      help: 'Events sent to watches over HTTP.',
      labels: ['group', 'resource', 'version'],
    })
  }

  get contentType(): string {
    return metricsContentType
  }

  text(): string {
    return this.#metrics.text()
  }

  /** Counts a request as under way until the function returned is called with the code of its answer. */
  begin(info: RequestInfo, dryRun: boolean): (code: number, seconds: number) => void {
    const isMutating = !['get', 'list', 'watch', 'head', 'options'].includes(info.verb)
    const gauge = this.#inFlight.with({ request_kind: isMutating ? 'mutating' : 'readOnly' })
    gauge.add(1)
    return (code, seconds) => {
      gauge.add(-1)
      const { count, duration } = this.#seriesOf(info, dryRun, code)
      count.add()
      if (info.verb !== 'watch') duration.observe(seconds)
    }
  }

  /** Counts a watch or a connection as under way until the function returned is called. */
  beginLongRunning(info: RequestInfo): () => void {
    const gauge = this.#longRunning.with(labelsOf(info))
    gauge.add(1)
    return () => gauge.add(-1)
  }

  watchEvents({ group, version, resource }: RequestInfo): Counter {
    return this.#watchEvents.with({ group, version, resource })
  }

  #seriesOf(info: RequestInfo, dryRun: boolean, code: number): Series {
    const { verb, group, version, resource, subresource } = info
    const key = `${verb}/${group}/${version}/${resource}/${subresource}/${scopeOf(info)}/${dryRun}/${code}`
    let series = this.#series.get(key)
    if (!series) {
      const labels = { ...labelsOf(info), dry_run: dryRun ? 'All' : '' }
      series = {
        count: this.#total.with({ ...labels, code: String(code) }),
        duration: this.#duration.with(labels),
      }
      this.#series.set(key, series)
    }
    return series
  }
}

function labelsOf(info: RequestInfo) {
  const { group, version, resource, subresource, verb } = info
  return {
    component: 'apiserver',
    group,
    resource,
    scope: scopeOf(info),
    subresource: info.isResourceRequest ? subresource : subresourceOfPath(info.path),
    verb: upperVerbs[verb] ?? verb.toUpperCase(),
    version,
  }
}

function scopeOf({ isResourceRequest, name, namespace }: RequestInfo): string {
  if (!isResourceRequest) return ''
  if (name !== '') return 'resource'
  return namespace === '' ? 'cluster' : 'namespace'
}

/** Paths that are no resources are counted by their first part only, so that nobody can make series without end. */
function subresourceOfPath(path: string): string {
  const first = /^\/([a-z-]+)/.exec(path)?.[1] ?? ''
  return ['healthz', 'livez', 'readyz', 'metrics', 'version', 'openapi', 'api', 'apis'].includes(first)
    ? `/${first}`
    : ''
}

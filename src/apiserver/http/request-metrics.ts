import {
  exponentialBuckets,
  metricsContentType,
  type Counter,
  type Gauge,
  type Histogram,
  type Metrics,
} from '../../machinery/metrics.ts'
import type { RequestInfo } from '../request-info.ts'
import type { HttpRequest } from './http-exchange.ts'
import { isMutating } from './max-in-flight.ts'
import { bodyMediaType } from './negotiate.ts'

/* Source: k8s.io/apiserver/pkg/endpoints/metrics. Seconds. */
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
]
const indicatorBuckets = durationBuckets.slice(2)

const scopeLabels = ['component', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'] as const

interface Series {
  readonly count: Counter
  readonly duration: Histogram
  /** Without dry runs: what users of the API wait for. */
  readonly indicator: Histogram | undefined
  /** Of reads. */
  readonly size: Histogram | undefined
}

/** Counts the events of one watch. */
export interface WatchEventMetrics {
  readonly count: Counter
  readonly size: Histogram
}

/** Counts and times requests, under upstream's names. */
export class RequestMetrics {
  readonly #metrics: Metrics
  readonly #isServed: (info: RequestInfo) => boolean
  readonly #total
  readonly #duration
  readonly #indicator
  readonly #size
  readonly #inFlight: Readonly<Record<'mutating' | 'readOnly', Gauge>>
  readonly #longRunning
  readonly #terminations
  readonly #watchEvents
  readonly #watchSizes
  /** By what the labels are made of: looking labels up for each request costs more than the request. */
  readonly #series = new Map<string, Series>()

  /** `isServed`: whether a request's resource and subresource exist: names that clients make up are no labels. */
  constructor(metrics: Metrics, isServed: (info: RequestInfo) => boolean) {
    this.#metrics = metrics
    this.#isServed = isServed
    this.#total = metrics.counter({
      name: 'apiserver_request_total',
      help: 'Requests by verb, dry run, resource, scope, component and code.',
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
      help: 'Time that answers took, by verb, dry run, resource, scope and component.',
      labels: ['component', 'dry_run', 'group', 'resource', 'scope', 'subresource', 'verb', 'version'],
      buckets: durationBuckets,
      stability: 'STABLE',
    })
    this.#indicator = metrics.histogram({
      name: 'apiserver_request_sli_duration_seconds',
      help: 'Time that answers took without what webhooks and queues had of it.',
      labels: scopeLabels,
      buckets: indicatorBuckets,
    })
    this.#size = metrics.histogram({
      name: 'apiserver_response_sizes',
      help: 'Bytes of the answers to reads whose length is known when they begin.',
      labels: scopeLabels,
      buckets: exponentialBuckets(1000, 10, 7),
      stability: 'STABLE',
    })
    const inFlight = metrics.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests under way, by kind.',
      labels: ['request_kind'],
      stability: 'STABLE',
    })
    this.#inFlight = {
      mutating: inFlight.with({ request_kind: 'mutating' }),
      readOnly: inFlight.with({ request_kind: 'readOnly' }),
    }
    this.#longRunning = metrics.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches, logs and connections under way.',
      labels: scopeLabels,
      stability: 'STABLE',
    })
    this.#terminations = metrics.counter({
      name: 'apiserver_request_terminations_total',
      help: 'Requests that were ended to protect the server.',
      labels: ['code', ...scopeLabels],
    })
    this.#watchEvents = metrics.counter({
      name: 'apiserver_watch_events_total',
      help: 'Events sent to watches over HTTP.',
      labels: ['group', 'resource', 'version'],
    })
    this.#watchSizes = metrics.histogram({
      name: 'apiserver_watch_events_sizes',
      help: 'Bytes of the events sent to watches over HTTP.',
      labels: ['group', 'resource', 'version'],
      buckets: exponentialBuckets(1024, 2, 8),
    })
  }

  get contentType(): string {
    return metricsContentType
  }

  text(): string {
    return this.#metrics.text()
  }

  /** The number of requests under way that `info` counts among; long-running ones do not. */
  inFlight(info: RequestInfo): Gauge {
    return this.#inFlight[isMutating(info) ? 'mutating' : 'readOnly']
  }

  /** Notes a finished request. `bytes`: the length of the answer, where that is known. */
  observe(request: HttpRequest, info: RequestInfo, code: number, seconds: number, bytes?: number): void {
    const series = this.#seriesOf(request, info, code)
    series.count.add()
    series.duration.observe(seconds)
    series.indicator?.observe(seconds)
    if (bytes !== undefined) series.size?.observe(bytes)
  }

  /** Notes a request that was ended to protect the server. */
  observeTermination(request: HttpRequest, info: RequestInfo, code: number): void {
    this.#terminations.with({ ...this.#labelsOf(request, info), code: String(code) }).add()
  }

  /** Counts a watch or a connection as under way until the function returned is called. */
  beginLongRunning(request: HttpRequest, info: RequestInfo): () => void {
    const gauge = this.#longRunning.with(this.#labelsOf(request, info))
    gauge.add(1)
    return () => gauge.add(-1)
  }

  watchEvents({ group, version, resource }: RequestInfo): WatchEventMetrics {
    const labels = { group, version, resource }
    return { count: this.#watchEvents.with(labels), size: this.#watchSizes.with(labels) }
  }

  #seriesOf(request: HttpRequest, info: RequestInfo, code: number): Series {
    const { group, version, resource, subresource } = info
    const verb = verbOf(request, info)
    const isDryRun = request.url.includes('dryRun=') && request.query.has('dryRun')
    const key = `${verb}/${group}/${version}/${resource}/${subresource}/${scopeOf(info)}/${isDryRun}/${code}`
    let series = info.isResourceRequest ? this.#series.get(key) : undefined
    if (!series) {
      const labels = this.#labelsOf(request, info)
      const withDryRun = { ...labels, dry_run: isDryRun ? 'All' : '' }
      series = {
        count: this.#total.with({ ...withDryRun, code: String(code) }),
        duration: this.#duration.with(withDryRun),
        indicator: isDryRun ? undefined : this.#indicator.with(labels),
        size: verb === 'GET' || verb === 'LIST' ? this.#size.with(labels) : undefined,
      }
      if (info.isResourceRequest && labels.resource !== '') this.#series.set(key, series)
    }
    return series
  }

  #labelsOf(request: HttpRequest, info: RequestInfo) {
    const isKnown = info.isResourceRequest && this.#isServed(info)
    return {
      component: 'apiserver',
      group: isKnown ? info.group : '',
      resource: isKnown ? info.resource : '',
      scope: scopeOf(info),
      subresource: isKnown ? info.subresource : subresourceOfPath(info.path),
      verb: verbOf(request, info),
      version: isKnown ? info.version : '',
    }
  }
}

const connections: ReadonlySet<string> = new Set(['log', 'exec', 'portforward', 'attach', 'proxy'])
const methods: ReadonlySet<string> = new Set(['POST', 'DELETE', 'GET', 'PATCH', 'PUT'])

/** As upstream reports it, which goes by the method above all: removing a collection is a DELETE. */
function verbOf(request: HttpRequest, info: RequestInfo): string {
  const { isResourceRequest, subresource, verb } = info
  if (isResourceRequest && connections.has(subresource)) return 'CONNECT'
  if (verb === 'watch') return 'WATCH'
  const { method } = request
  if (method === 'GET' || method === 'HEAD') {
    const scope = scopeOf(info)
    return scope === 'namespace' || scope === 'cluster' ? 'LIST' : 'GET'
  }
  if (method === 'PATCH' && bodyMediaType(request) === 'application/apply-patch+yaml') return 'APPLY'
  return methods.has(method) ? method : 'other'
}

function scopeOf({ isResourceRequest, verb, name, namespace }: RequestInfo): string {
  if (name !== '' || verb === 'create') return 'resource'
  if (namespace !== '') return 'namespace'
  return isResourceRequest ? 'cluster' : ''
}

const ownPaths: ReadonlySet<string> = new Set([
  'healthz',
  'livez',
  'readyz',
  'metrics',
  'version',
  'openapi',
  'api',
  'apis',
])

/** Paths that are no resources are counted by their first part only, so that nobody can make series without end. */
function subresourceOfPath(path: string): string {
  const first = /^\/([a-z-]+)/.exec(path)?.[1] ?? ''
  return ownPaths.has(first) ? `/${first}` : ''
}

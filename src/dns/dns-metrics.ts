import {
  exponentialBuckets,
  type Counter,
  type Gauge,
  type Histogram,
  type Metrics,
} from '../machinery/metrics.ts'

/** One question and what it was answered with. */
export interface AnsweredQuestion {
  /** The zone of the server block that it went to: `.`, `example.org.`. */
  readonly zone: string
  readonly type: string
  readonly transport: 'udp' | 'tcp'
  readonly family: 4 | 6
  readonly code: number
  /** Whose answer it is; '' when nobody's. */
  readonly plugin: string
  readonly seconds: number
  readonly requestBytes: number
  readonly responseBytes: number
}

/** What cluster DNS counts, as CoreDNS names it. Source: coredns.io/plugins, metrics, cache, forward and kubernetes. */
export interface DnsMetrics {
  answered(question: AnsweredQuestion): void
  readonly cacheHits: (type: 'success' | 'denial') => Counter
  readonly cacheRequests: Counter
  readonly cacheMisses: Counter
  readonly cacheEntries: (type: 'success' | 'denial') => Gauge
  readonly forwardRejects: Counter
  readonly forwardBroken: Counter
  readonly forwarded: (to: string, code: string) => Histogram
  readonly healthCheckFailures: (to: string) => Counter
  readonly reloadFailures: Counter
  /** From a change of an endpoint to the answers that have it. */
  readonly programming: Histogram
}

const rcodes: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
}

export function rcodeName(code: number): string {
  return rcodes[code] ?? String(code)
}

const knownTypes = new Set(
  'A AAAA MX SOA CNAME PTR TXT NS SRV DS DNSKEY RRSIG NSEC NSEC3 HTTPS IXFR AXFR ANY'.split(' '),
)

const seconds = exponentialBuckets(0.00025, 2, 16)
const sizes = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3]
const server = 'dns://:53'

export function dnsMetrics(metrics: Metrics): DnsMetrics {
  const requests = metrics.counter({
    name: 'coredns_dns_requests_total',
    help: 'Counter of DNS requests made per zone, protocol and family.',
    labels: ['server', 'zone', 'view', 'proto', 'family', 'type'],
  })
  const durations = metrics.histogram({
    name: 'coredns_dns_request_duration_seconds',
    help: 'Histogram of the time (in seconds) each request took per zone.',
    labels: ['server', 'zone', 'view'],
    buckets: seconds,
  })
  const requestSizes = metrics.histogram({
    name: 'coredns_dns_request_size_bytes',
    help: 'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.',
    labels: ['server', 'zone', 'view', 'proto'],
    buckets: sizes,
  })
  const responseSizes = metrics.histogram({
    name: 'coredns_dns_response_size_bytes',
    help: 'Size of the returned response in bytes.',
    labels: ['server', 'zone', 'view', 'proto'],
    buckets: sizes,
  })
  const responses = metrics.counter({
    name: 'coredns_dns_responses_total',
    help: 'Counter of response status codes.',
    labels: ['server', 'zone', 'view', 'rcode', 'plugin'],
  })
  // Looked up for each question: by a short key, since encoding labels costs more than answering.
  const series = new Map<string, (question: AnsweredQuestion) => void>()

  function seriesOf({ zone, type, transport, family, code, plugin }: AnsweredQuestion) {
    const place = { server, zone, view: '' }
    const known = knownTypes.has(type) ? type : 'other'
    const request = requests.with({
      ...place,
      proto: transport,
      family: family === 4 ? '1' : '2',
      type: known,
    })
    const duration = durations.with(place)
    const requestSize = requestSizes.with({ ...place, proto: transport })
    const responseSize = responseSizes.with({ ...place, proto: transport })
    const response = responses.with({ ...place, rcode: rcodeName(code), plugin })
    return (question: AnsweredQuestion) => {
      request.add()
      duration.observe(question.seconds)
      requestSize.observe(question.requestBytes)
      responseSize.observe(question.responseBytes)
      response.add()
    }
  }

  return {
    answered(question) {
      const { zone, type, transport, family, code, plugin } = question
      const key = `${zone} ${knownTypes.has(type) ? type : ''} ${transport} ${family} ${code} ${plugin}`
      let count = series.get(key)
      if (!count) series.set(key, (count = seriesOf(question)))
      count(question)
    },
    ...cacheMetrics(metrics),
    ...forwardMetrics(metrics),
    reloadFailures: metrics
      .counter({
        name: 'coredns_reload_failed_total',
        help: 'Counter of the number of failed reload attempts.',
      })
      .with({}),
    programming: metrics
      .histogram({
        name: 'coredns_kubernetes_dns_programming_duration_seconds',
        help: 'Histogram of the time (in seconds) it took to program a dns instance.',
        labels: ['service_kind'],
        buckets: exponentialBuckets(0.001, 2, 20),
      })
      .with({ service_kind: 'headless_with_selector' }),
  }
}

function cacheMetrics(metrics: Metrics) {
  const labels = { server, zones: '.', view: '' }
  const hits = metrics.counter({
    name: 'coredns_cache_hits_total',
    help: 'The count of cache hits.',
    labels: ['server', 'type', 'zones', 'view'],
  })
  const entries = metrics.gauge({
    name: 'coredns_cache_entries',
    help: 'The number of elements in the cache.',
    labels: ['server', 'type', 'zones', 'view'],
  })
  return {
    cacheHits: (type: string) => hits.with({ ...labels, type }),
    cacheEntries: (type: string) => entries.with({ ...labels, type }),
    cacheRequests: metrics
      .counter({
        name: 'coredns_cache_requests_total',
        help: 'The count of cache requests.',
        labels: ['server', 'zones', 'view'],
      })
      .with(labels),
    cacheMisses: metrics
      .counter({
        name: 'coredns_cache_misses_total',
        help: 'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.',
        labels: ['server', 'zones', 'view'],
      })
      .with(labels),
  }
}

function forwardMetrics(metrics: Metrics) {
  const duration = metrics.histogram({
    name: 'coredns_proxy_request_duration_seconds',
    help: 'Histogram of the time each request took.',
    labels: ['proxy_name', 'to', 'rcode'],
    buckets: seconds,
  })
  const failures = metrics.counter({
    name: 'coredns_proxy_healthcheck_failures_total',
    help: 'Counter of the number of failed healthchecks.',
    labels: ['proxy_name', 'to'],
  })
  return {
    forwarded: (to: string, rcode: string) => duration.with({ proxy_name: 'forward', to, rcode }),
    healthCheckFailures: (to: string) => failures.with({ proxy_name: 'forward', to }),
    forwardRejects: metrics
      .counter({
        name: 'coredns_forward_max_concurrent_rejects_total',
        help: 'Counter of the number of queries rejected because the concurrent queries were at maximum.',
      })
      .with({}),
    forwardBroken: metrics
      .counter({
        name: 'coredns_forward_healthcheck_broken_total',
        help: 'Counter of the number of complete failures of the healthchecks.',
      })
      .with({}),
  }
}

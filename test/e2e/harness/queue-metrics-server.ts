import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../../src/machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../../src/machinery/pki/certificate.ts'

export interface QueueMetricsServer extends AsyncDisposable {
  /** Messages that wait. */
  length: number
  /** Queries that it was asked with. */
  readonly queries: string[]
  /** What makes the cluster ask it: a Service that leads here, and an APIService. */
  readonly objects: readonly object[]
}

const api = '/apis/external.metrics.k8s.io/v1beta1'

/** Serves external.metrics.k8s.io with one metric, `queue_length`, as an adapter of a message queue does. */
export async function startQueueMetricsServer(): Promise<QueueMetricsServer> {
  const now = systemClock.now()
  const authority = createCertificateAuthority({ commonName: 'queue-metrics-ca', now })
  const certificate = issueCertificate(authority, {
    commonName: 'queue-metrics',
    names: { dnsNames: ['queue-metrics.default.svc'] },
    usages: ['server auth', 'digital signature'],
    now,
  })
  const server = createServer({ cert: certificate.certificatePem, key: certificate.privateKeyPem })
  const metadata = { name: 'queue-metrics', namespace: 'default' }
  server.listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const metrics: QueueMetricsServer = {
    length: 0,
    queries: [],
    objects: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata,
        spec: { type: 'ExternalName', externalName: 'localhost' },
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: 'v1beta1.external.metrics.k8s.io' },
        spec: {
          group: 'external.metrics.k8s.io',
          version: 'v1beta1',
          groupPriorityMinimum: 100,
          versionPriority: 100,
          service: { ...metadata, port },
          caBundle: Buffer.from(authority.certificatePem).toString('base64'),
        },
      },
    ],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  server.on('request', (request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'https://queue-metrics')
    const document = documentAt(pathname, metrics.length)
    if (pathname !== api) metrics.queries.push(search)
    response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document ?? {}))
  })
  return metrics
}

function documentAt(path: string, length: number): object | undefined {
  switch (path) {
    case api:
      return {
        kind: 'APIResourceList',
        apiVersion: 'v1',
        groupVersion: 'external.metrics.k8s.io/v1beta1',
        resources: [
          {
            name: 'queue_length',
            singularName: '',
            namespaced: true,
            kind: 'ExternalMetricValueList',
            verbs: ['get'],
          },
        ],
      }
    case `${api}/namespaces/default/queue_length`: {
      const timestamp = new Date(systemClock.now()).toISOString()
      const item = { metricName: 'queue_length', metricLabels: {}, timestamp, value: `${length}` }
      return { kind: 'ExternalMetricValueList', apiVersion: 'external.metrics.k8s.io/v1beta1', items: [item] }
    }
    default:
      return undefined
  }
}

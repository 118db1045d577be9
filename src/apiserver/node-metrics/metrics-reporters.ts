import { column, nameColumn } from '../../api/columns.ts'
import type { Column, ResourceDefinition } from '../../api/definition.ts'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import type { NodeMetrics, PodMetrics } from '../../api/generated/metrics.v1beta1.ts'
import { nodeMetrics, nodes, podMetrics, pods } from '../../api/generated/resources.ts'
import { formatDuration } from '../../machinery/duration.ts'
import type { KubernetesObject, ObjectMeta } from '../../machinery/meta.ts'
import { addQuantity, formatQuantity } from '../../machinery/quantity.ts'
import { keyOf } from '../../machinery/resource.ts'
import { notFound } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Reporter } from '../registry/reporter.ts'
import type { NodeSamples, NodeSamplesOptions } from './node-samples.ts'

type Usage = PodMetrics['containers'][number]['usage']

/** The columns of metrics-server's tables. */
function columns<T extends KubernetesObject>(
  usageOf: (object: T) => Usage,
  windowOf: (object: T) => string,
): readonly Column<T>[] {
  return [
    nameColumn,
    { ...column<T>('cpu', 'CPU in use.', (object) => usageOf(object)['cpu'] ?? ''), format: 'quantity' },
    {
      ...column<T>('memory', 'Memory in use.', (object) => usageOf(object)['memory'] ?? ''),
      format: 'quantity',
    },
    { ...column<T>('Window', 'For how long it was measured.', windowOf), format: 'duration' },
  ]
}

const nodeDefinition: ResourceDefinition<NodeMetrics> = {
  resource: nodeMetrics,
  singular: '',
  verbs: ['get', 'list'],
  strategy: {},
  columns: columns(
    ({ usage }) => usage,
    ({ window }) => window,
  ),
}

const podDefinition: ResourceDefinition<PodMetrics> = {
  resource: podMetrics,
  singular: '',
  verbs: ['get', 'list'],
  strategy: {},
  columns: columns(
    ({ containers }) => totalOf(containers),
    ({ window }) => window,
  ),
}

function totalOf(containers: PodMetrics['containers']): Usage {
  const total = (resource: string) =>
    formatQuantity(
      containers
        .map(({ usage }) => usage[resource] ?? '0')
        .reduce((sum: Parameters<typeof addQuantity>[0], usage) => addQuantity(sum, usage), '0'),
    )
  return { cpu: total('cpu'), memory: total('memory') }
}

export interface MetricsReporters {
  readonly reporters: readonly Reporter[]
  close(): void
}

/**
 * metrics.k8s.io/v1beta1, measured when somebody asks. No APIService stands for it, so that whoever brings a
 * metrics-server makes one and is asked from then on. Source: sigs.k8s.io/metrics-server/pkg/api.
 */
export function createMetricsReporters(options: NodeSamplesOptions): MetricsReporters {
  const { objects, clock } = options
  let samples: NodeSamples | undefined
  let isClosed = false

  async function loadSamples(): Promise<NodeSamples> {
    const module = await import('./node-samples.ts')
    samples ??= new module.NodeSamples(options)
    if (isClosed) samples.close()
    return samples
  }

  async function measuredNodes(selected: readonly Node[]): Promise<readonly NodeMetrics[]> {
    const { measureNode } = await import('./measured-usage.ts')
    const pairs = await (await loadSamples()).of(selected.map(({ metadata }) => metadata?.name ?? ''))
    return selected.flatMap((node) => {
      const pair = pairs.get(node.metadata?.name ?? '')
      const measured = pair && measureNode(pair.before, pair.after)
      if (!measured) return []
      const { usage, ...times } = measured
      return [{ metadata: metadataOf(node, clock.now()), ...timesOf(times), usage }]
    })
  }

  async function measuredPods(selected: readonly Pod[]): Promise<readonly PodMetrics[]> {
    const { measurePod } = await import('./measured-usage.ts')
    const running = selected.filter(({ spec, status }) => spec?.nodeName && status?.phase === 'Running')
    const pairs = await (await loadSamples()).of(running.map(({ spec }) => spec!.nodeName!))
    return running.flatMap((pod) => {
      const pair = pairs.get(pod.spec!.nodeName!)
      const measured = pair && measurePod(pair.before, pair.after, keyOf(pod))
      if (!measured) return []
      const { containers, ...times } = measured
      return [{ metadata: metadataOf(pod, clock.now()), ...timesOf(times), containers }]
    })
  }

  return {
    reporters: [
      {
        definition: nodeDefinition,
        missing: (_namespace, name) => notFound('nodemetrics.metrics.k8s.io', name),
        report: async ({ name }) => {
          const all = objects.list(nodes)
          samples?.keepOnly(new Set(all.map(({ metadata }) => metadata?.name ?? '')))
          return measuredNodes(all.filter((node) => name === '' || node.metadata?.name === name))
        },
      },
      {
        definition: podDefinition,
        missing: (namespace, name) => notFound('podmetrics.metrics.k8s.io', `${namespace}/${name}`),
        report: ({ namespace, name, matchesLabels }) =>
          measuredPods(
            objects
              .list(pods, namespace || undefined)
              .filter(({ metadata }) => name === '' || metadata?.name === name)
              .filter(({ metadata }) => matchesLabels?.(metadata?.labels ?? {}) ?? true),
          ),
      },
    ],
    close() {
      isClosed = true
      samples?.close()
    },
  }
}

/** Labels are those of what is measured, to be selected by. */
function metadataOf({ metadata }: KubernetesObject, nowMs: number): ObjectMeta {
  const { name, namespace, labels } = metadata ?? {}
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    creationTimestamp: formatTime(nowMs),
    ...(labels && { labels }),
  }
}

function timesOf({ timestampMs, windowMs }: { readonly timestampMs: number; readonly windowMs: number }) {
  return { timestamp: formatTime(timestampMs), window: formatDuration(windowMs) }
}

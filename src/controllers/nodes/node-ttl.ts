import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isNotFound } from '../../machinery/status-errors.ts'

const annotation = 'node.alpha.kubernetes.io/ttl'

/** Sizes at which a cluster enters and leaves each step: they overlap, so that nodes which come and go change nothing. */
const steps = [
  { least: 0, most: 100, seconds: 0 },
  { least: 90, most: 500, seconds: 15 },
  { least: 450, most: 1000, seconds: 30 },
  { least: 900, most: 2000, seconds: 60 },
  { least: 1800, most: Number.POSITIVE_INFINITY, seconds: 300 },
] as const

/**
 * Tells kubelets for how long they may keep secrets and config maps without looking again: the longer, the more nodes
 * there are. Source: kubernetes/pkg/controller/ttl.
 */
export function nodeTtlReconciler(): Reconciler {
  let step = 0
  return {
    name: 'ttl',
    queueName: 'ttlcontroller',
    watches: [on(nodes, ({ metadata }) => [metadata?.name ?? ''])],

    async reconcile(name, { cache, client }) {
      step = stepFor(cache(nodes).list().length, step)
      const node = cache(nodes).get(name)
      const value = String(steps[step]!.seconds)
      if (!node || node.metadata?.annotations?.[annotation] === value) return done
      try {
        const body = { metadata: { annotations: { [annotation]: value } } }
        await client.patch<Node>(nodes, { name }, { type: 'strategic', body })
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
      return done
    },
  }
}

/** The step after `current` for this number of nodes. */
export function stepFor(count: number, current: number): number {
  let step = current
  while (count > steps[step]!.most) step++
  while (count < steps[step]!.least) step--
  return step
}

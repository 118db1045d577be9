import type { Pod, PodSpec, PodStatus } from '../../api/generated/core.v1.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'

/** A pod for tests; `ready` since `readyAt`, when that is given. */
export function aPod(
  name: string,
  options: {
    readonly metadata?: ObjectMeta
    readonly spec?: Partial<PodSpec>
    readonly status?: PodStatus
    readonly readyAt?: string
  } = {},
): Pod {
  const { metadata, spec, status, readyAt } = options
  const ready = readyAt ? { type: 'Ready', status: 'True', lastTransitionTime: readyAt } : undefined
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, uid: name, ...metadata },
    spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
    status: { phase: ready ? 'Running' : 'Pending', ...status, ...(ready && { conditions: [ready] }) },
  }
}

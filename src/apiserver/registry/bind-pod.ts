import type { Binding, Pod, PodCondition } from '../../api/generated/core.v1.ts'
import { setCondition } from '../../machinery/conditions.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { badRequest, conflict } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { changeDirectly } from './change-directly.ts'
import type { Registry } from './registry.ts'

/** Gives a pod its node. Source: kubernetes/pkg/registry/core/pod/storage/storage.go. */
export async function bindPod(
  pods: Registry,
  namespace: string,
  name: string,
  binding: Binding,
  options: { readonly dryRun: boolean },
): Promise<void> {
  checkBinding(name, binding)
  const key = pods.keyOf(namespace, name)
  await changeDirectly<Pod>(
    pods,
    key,
    (pod) => {
      checkPreconditions(pods, key, pod, binding)
      const refusal = refusalOf(pod)
      if (refusal) throw conflict('pods/binding', name, refusal)
      return bound(pod, binding, pods.context.clock.now())
    },
    options,
  )
}

function bound(pod: Pod, binding: Binding, now: number): Pod {
  const { annotations, labels } = binding.metadata ?? {}
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {}
  const scheduled = { type: 'PodScheduled', status: 'True' } as const
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations && { annotations: { ...pod.metadata?.annotations, ...annotations } }),
      ...(labels && { labels: { ...pod.metadata?.labels, ...labels } }),
    },
    spec: { ...pod.spec!, nodeName: binding.target.name ?? '' },
    status: { ...status, conditions: setCondition<PodCondition>(status.conditions, scheduled, now) },
  }
}

function refusalOf({ metadata, spec }: Pod): string | undefined {
  const name = metadata?.name
  if (metadata?.deletionTimestamp) return `pod ${name} is being deleted, cannot be assigned to a host`
  if (spec?.nodeName) return `pod ${name} is already assigned to node ${goQuote(spec.nodeName)}`
  return spec?.schedulingGates?.length ? `pod ${name} has non-empty .spec.schedulingGates` : undefined
}

function checkBinding(name: string, { metadata, target }: Binding): void {
  if (metadata?.name !== name) throw badRequest('name in URL does not match name in Binding object')
  const { kind = '', name: node = '' } = target ?? {}
  const faults = [
    kind !== '' && kind !== 'Node'
      ? `target.kind: Unsupported value: ${goQuote(kind)}: supported values: "Node", "<empty>"`
      : '',
    node === '' ? 'target.name: Required value' : '',
  ].filter((fault) => fault !== '')
  // Upstream passes these on as they are, which makes a 500 without a reason.
  if (faults.length > 0)
    throw new StatusError(500, '', faults.length > 1 ? `[${faults.join(', ')}]` : faults[0]!)
}

function checkPreconditions(pods: Registry, key: string, pod: Pod, { metadata }: Binding): void {
  const uid = pod.metadata?.uid
  const resourceVersion = pod.metadata?.resourceVersion
  const fault =
    metadata?.uid && metadata.uid !== uid
      ? `UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`
      : metadata?.resourceVersion && metadata.resourceVersion !== resourceVersion
        ? `ResourceVersion in precondition: ${metadata.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`
        : undefined
  if (!fault) return
  throw conflict(
    'pods',
    pod.metadata?.name ?? '',
    `StorageError: invalid object, Code: 4, Key: ${pods.cache.prefix}${key}, ResourceVersion: 0, ` +
      `AdditionalErrorMsg: Precondition failed: ${fault}`,
  )
}

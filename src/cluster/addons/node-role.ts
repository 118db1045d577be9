import { nodes } from '../../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'

const roleLabel = 'node-role.kubernetes.io/control-plane'

/** Labels the node that stands for the control plane, since a kubelet may not say that of itself. */
export function startNodeRole(context: ComponentContext, nodeName: string): RunningComponent {
  const { client, informers, log } = context
  const cache = informers.informer(nodes)
  const unsubscribe = cache.onChange(({ type, object }) => {
    const { name, labels } = object.metadata ?? {}
    if (type === 'deleted' || name !== nodeName || labels?.[roleLabel] !== undefined) return
    client
      .patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { [roleLabel]: '' } } } })
      .catch((error: unknown) => log.warn('node could not be labelled', { node: name, error }))
  })
  return {
    name: 'node-role',
    ready: cache.synced,
    health: () => undefined,
    stop() {
      unsubscribe()
      return Promise.resolve()
    },
  }
}

import { pods } from '../../api/generated/resources.ts'
import type { Plugin, PluginHandle } from '../framework.ts'

/** Binds by the pods/binding subresource. */
export function createDefaultBinder({ client }: PluginHandle): Plugin {
  return {
    name: 'DefaultBinder',
    async bind({ pod, uid }, nodeName) {
      const { namespace = '', name = '' } = pod.metadata ?? {}
      await client.createSubresource(pods, { namespace, name }, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, uid },
        target: { kind: 'Node', name: nodeName },
      } as object)
      return true
    },
  }
}

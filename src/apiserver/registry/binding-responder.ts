import { bindings, pods } from '../../api/generated/resources.ts'
import type { Status } from '../../machinery/meta.ts'
import { bindPod } from './bind-pod.ts'
import type { ResourceTable } from './resource-table.ts'
import { responder, type Responder } from './responder.ts'

/** POST to `bindings`: the old way to bind a pod, which is named in the body. */
export function bindingResponder(table: () => ResourceTable): Responder {
  return responder(bindings, async (binding, { namespace, dryRun }) => {
    await bindPod(table().registry(pods), namespace, binding.metadata?.name ?? '', binding, { dryRun })
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
    return status
  })
}

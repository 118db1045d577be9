import type { ServiceCIDR } from '../../api/generated/networking.v1.ts'
import { serviceCIDRs } from '../../api/generated/resources.ts'
import { findCondition, setCondition } from '../../machinery/conditions.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Objects } from '../objects.ts'
import { unlessThere } from './namespaces.ts'

const name = 'kubernetes'

/**
 * Keeps the ServiceCIDR of the ranges that the cluster was started with. Ranges that differ from it are left to the
 * administrator, but a second family is added. Source: kubernetes/pkg/controlplane/controller/defaultservicecidr.
 */
export async function ensureServiceCidr(
  objects: Objects,
  cidrs: readonly string[],
  { now, log }: { readonly now: number; readonly log: Logger },
): Promise<void> {
  let found: ServiceCIDR | undefined = objects.get(serviceCIDRs, { name })
  if (!found) {
    await objects.create(serviceCIDRs, { metadata: { name }, spec: { cidrs } }).catch(unlessThere)
    found = await objects.getLatest(serviceCIDRs, { name })
  }
  const before = found?.spec?.cidrs ?? []
  if (before.length === 1 && cidrs.length === 2 && before[0] === cidrs[0]) {
    await objects.change(serviceCIDRs, { name }, (object) => {
      object.spec = { cidrs: [...cidrs] }
    })
    return
  }
  if (!jsonEqual(before, cidrs)) {
    log.warn('the ServiceCIDR kubernetes has other ranges than this server', { found: before, own: cidrs })
    return
  }
  if (found?.metadata?.deletionTimestamp || findCondition(found?.status?.conditions, 'Ready')) return
  await objects.change(
    serviceCIDRs,
    { name },
    (object) => {
      const ready = {
        type: 'Ready',
        status: 'True',
        reason: '',
        message: 'Kubernetes default Service CIDR is ready',
      } as const
      const conditions = setCondition(object.status?.conditions ?? [], ready, now)
      object.status = { conditions: [...conditions] }
    },
    { subresource: 'status' },
  )
}

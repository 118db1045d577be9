import { podDisruptionBudgets } from '../../../api/generated/resources.ts'
import type { Registry } from '../registry.ts'
import type { ResourceTable } from '../resource-table.ts'
import type { Subresource } from '../subresource.ts'
import { approvalSubresource } from './approval.ts'
import { bindingSubresource } from './binding.ts'
import { ephemeralContainersSubresource } from './ephemeral-containers.ts'
import { evictionSubresource } from './eviction.ts'
import { finalizeSubresource } from './finalize.ts'
import { resizeSubresource } from './resize.ts'
import { scaleSubresource } from './scale.ts'
import { statusSubresource } from './status.ts'
import { tokenSubresource, type CreateToken } from './token.ts'

/** All subresources that are not connections. `createToken` absent: service accounts have no tokens to be asked for. */
export function allSubresources(
  table: () => ResourceTable,
  createToken?: CreateToken,
): readonly Subresource[] {
  const budgets = (): Registry => table().registry(podDisruptionBudgets)
  return [
    statusSubresource,
    scaleSubresource,
    bindingSubresource,
    evictionSubresource(budgets),
    ephemeralContainersSubresource,
    resizeSubresource,
    finalizeSubresource,
    approvalSubresource,
    ...(createToken ? [tokenSubresource(createToken)] : []),
  ]
}

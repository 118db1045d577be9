import type { ResourceClaim, ResourceClaimTemplate } from '../../../api/generated/resource.v1.ts'
import type { Objects } from '../../objects.ts'
import type { WriteHooks } from '../write-hooks.ts'
import { validateAdminRequests, validateAdminResults } from './admin-access.ts'
import { validateBindingRights, validateDriverRights } from './status-rights.ts'

/** What of claims only their namespace and the rights of who writes them tell. */
export function claimHooks(objects: () => Objects): WriteHooks {
  return {
    async validate({ object, previous, scope }) {
      const { metadata, spec, status } = object as ResourceClaim
      const namespace = metadata?.namespace ?? ''
      if (!previous) return validateAdminRequests(spec?.devices?.requests, namespace, objects())
      // The spec cannot change.
      if (scope.subresource !== 'status') return []
      const before = (previous as ResourceClaim).status
      const results = status?.allocation?.devices?.results
      const resultsBefore = before?.allocation?.devices?.results
      return [
        ...(await validateAdminResults(results, resultsBefore, namespace, objects())),
        ...(await validateBindingRights(status, before, scope)),
        ...(await validateDriverRights(status, before, scope)),
      ]
    },
  }
}

/** The same of templates, which have no status. */
export function claimTemplateHooks(objects: () => Objects): WriteHooks {
  return {
    async validate({ object, previous }) {
      if (previous) return []
      const { metadata, spec } = object as ResourceClaimTemplate
      return validateAdminRequests(spec?.spec?.devices?.requests, metadata?.namespace ?? '', objects())
    },
  }
}

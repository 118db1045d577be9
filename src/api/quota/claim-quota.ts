import type { PersistentVolumeClaim } from '../generated/core.v1.ts'
import { compareQuantity } from '../../machinery/quantity.ts'
import { matchesValue } from './match-scope.ts'
import type { QuotaEvaluator } from './quota-evaluator.ts'

const claimsCount = 'count/persistentvolumeclaims'
const plain: ReadonlySet<string> = new Set([claimsCount, 'persistentvolumeclaims', 'requests.storage'])
const classSuffixes = [
  '.storageclass.storage.k8s.io/requests.storage',
  '.storageclass.storage.k8s.io/persistentvolumeclaims',
]

/** Source: kubernetes/pkg/quota/v1/evaluator/core/persistent_volume_claims.go. */
export const claimQuota: QuotaEvaluator<PersistentVolumeClaim> = {
  handles: (_operation, subresource) => subresource === '',
  matchingResources: (names) =>
    names.filter((name) => plain.has(name) || classSuffixes.some((suffix) => name.endsWith(suffix))),
  usage(claim) {
    const usage: Record<string, string> = { [claimsCount]: '1', persistentvolumeclaims: '1' }
    const storage = storageOf(claim)
    const className = classOf(claim)
    if (className !== '') usage[`${className}${classSuffixes[1]}`] = '1'
    if (storage !== undefined) {
      usage['requests.storage'] = storage
      if (className !== '') usage[`${className}${classSuffixes[0]}`] = storage
    }
    return usage
  },
  matchesScope(claim, scope) {
    if (scope.scopeName !== 'VolumeAttributesClass') return false
    const names = [
      claim.spec?.volumeAttributesClassName,
      claim.status?.currentVolumeAttributesClassName,
      claim.status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ]
    return matchesValue(
      scope,
      names.flatMap((name) => (name ? [name] : [])),
    )
  },
}

/** After an expansion that failed and was taken back, what had been allocated still counts. */
function storageOf({ spec, status }: PersistentVolumeClaim): string | undefined {
  const requested = spec?.resources?.requests?.['storage']
  const allocated = status?.allocatedResources?.['storage']
  if (requested === undefined || allocated === undefined) return requested
  return compareQuantity(allocated, requested) > 0 ? allocated : requested
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? ''
}

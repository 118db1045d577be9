import { quantitySign, compareQuantity } from '../../../machinery/quantity.ts'
import type { Container, Pod, PodQOSClass, ResourceRequirements } from '../../generated/core.v1.ts'

const counted = ['cpu', 'memory'] as const

/**
 * Guaranteed: every container has cpu and memory limits equal to its requests. BestEffort: none has any. Burstable: the
 * rest. Pod-level resources count in place of the containers'. Source: k8s.io/kubectl/pkg/util/qos, kubernetes
 * pkg/apis/core/v1/helper/qos.
 */
export function qosClassOf({ spec }: Pod): PodQOSClass {
  const podLevel = spec?.resources
  const holders: readonly Pick<Container, 'resources'>[] =
    podLevel && hasAny(podLevel)
      ? [{ resources: podLevel }]
      : [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  if (!holders.some(({ resources }) => resources && hasAny(resources))) return 'BestEffort'
  return holders.every(({ resources }) => resources && isGuaranteed(resources)) ? 'Guaranteed' : 'Burstable'
}

function hasAny({ requests, limits }: ResourceRequirements): boolean {
  return counted.some((name) => isPositive(requests?.[name]) || isPositive(limits?.[name]))
}

function isGuaranteed({ requests, limits }: ResourceRequirements): boolean {
  return counted.every((name) => {
    const limit = limits?.[name]
    const request = requests?.[name] ?? limit
    return isPositive(limit) && compareQuantity(request!, limit!) === 0
  })
}

function isPositive(quantity: string | undefined): boolean {
  return quantity !== undefined && quantitySign(quantity) > 0
}

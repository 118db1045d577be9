import { jsonEqual } from '../../../machinery/equal.ts'
import { canonicalQuantity } from '../../../machinery/quantity.ts'
import type { Container, PodSpec, ResourceRequirements } from '../../generated/core.v1.ts'

/**
 * Features of nodes that pods may need: nodes that have them say so in status.declaredFeatures. Both answers are sorted.
 * Source: k8s.io/component-helpers/nodedeclaredfeatures.
 */

/** What a node must have for the pod to be placed there. */
export function featuresToSchedule(spec: PodSpec | undefined): readonly string[] {
  const features: string[] = []
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  if (containers.some(restartsAll)) features.push('RestartAllContainersOnContainerExits')
  if (spec?.hostNetwork && spec.hostUsers === false) features.push('UserNamespacesHostNetworkSupport')
  return features
}

/** What the node of the pod must have for its spec to change so. */
export function featuresToUpdate(before: PodSpec | undefined, after: PodSpec | undefined): readonly string[] {
  const features: string[] = []
  if (!isSameAmount(before?.resources, after?.resources)) {
    features.push('InPlacePodLevelResourcesVerticalScaling')
  }
  const isResized = (container: Container, index: number) => {
    const next = after?.initContainers?.[index]
    return (
      container.restartPolicy !== 'Always' &&
      next !== undefined &&
      !jsonEqual(container.resources ?? {}, next.resources ?? {})
    )
  }
  if (before?.initContainers?.some(isResized)) features.push('InPlacePodVerticalScalingInitContainers')
  return features
}

/** Those of `features` that the node does not have. */
export function missingFeatures(
  features: readonly string[],
  declared: readonly string[] = [],
): readonly string[] {
  return features.filter((feature) => !declared.includes(feature))
}

function restartsAll({ restartPolicyRules = [] }: Container): boolean {
  return restartPolicyRules.some(({ action }) => action === 'RestartAllContainers')
}

/** Amounts count, not how they are written: `1` is `1000m`. */
function isSameAmount(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  const canonical = (amounts: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, canonicalQuantity(amount)]))
  const read = (resources: ResourceRequirements | undefined) =>
    resources && { limits: canonical(resources.limits), requests: canonical(resources.requests) }
  return a === b || jsonEqual(read(a) ?? {}, read(b) ?? {})
}

/** Where an API stands in discovery. */
export interface Priority {
  /** Groups with the greatest one first. */
  readonly group: number
  /** Within the group, likewise. */
  readonly version: number
}

const groups: Readonly<Record<string, number>> = {
  '': 18_000,
  'apiregistration.k8s.io': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'resource.k8s.io': 16_150,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'internal.apiserver.k8s.io': 16_000,
  'storagemigration.k8s.io': 15_900,
  'metrics.k8s.io': 100,
}

const versions: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'metrics.k8s.io/v1beta1': 100,
}

/** That of every API made from a CustomResourceDefinition. */
export const customPriority: Priority = { group: 1000, version: 100 }

/** Of an API that this server serves. Source: kubernetes/pkg/controlplane/apiserver/aggregator.go. */
export function localPriority(group: string, version: string): Priority {
  const known = Object.hasOwn(groups, group) ? groups[group] : undefined
  if (known === undefined) return customPriority
  return { group: known, version: versions[`${group}/${version}`] ?? 15 }
}

import type { PodSpec } from '../../api/generated/core.v1.ts'
import type { ResourceDefinition } from '../../api/definition.ts'
import type { FeatureGates } from '../../machinery/feature-gates.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { groupResource } from '../../machinery/resource.ts'

/** Where the kinds that hold pods, or what pods are made from, have their spec. */
const podSpecPaths: Readonly<Record<string, readonly string[]>> = {
  pods: ['spec'],
  podtemplates: ['template', 'spec'],
  replicationcontrollers: ['spec', 'template', 'spec'],
  'daemonsets.apps': ['spec', 'template', 'spec'],
  'deployments.apps': ['spec', 'template', 'spec'],
  'replicasets.apps': ['spec', 'template', 'spec'],
  'statefulsets.apps': ['spec', 'template', 'spec'],
  'jobs.batch': ['spec', 'template', 'spec'],
  'cronjobs.batch': ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
}

type DisabledSource = 'clusterTrustBundle' | 'podCertificate'

/**
 * A definition that leaves out fields of features that are off, as if nobody had said them, but where the object had
 * them before. Source: kubernetes/pkg/api/pod (DropDisabledPodFields, DropDisabledTemplateFields).
 */
export function withoutDisabledFields(
  definition: ResourceDefinition,
  gates: FeatureGates,
): ResourceDefinition {
  const path = podSpecPaths[groupResource(definition.resource)]
  if (!path || definition.isCustom) return definition
  const { strategy } = definition
  const sources: readonly DisabledSource[] = [
    ...(gates.ClusterTrustBundleProjection ? [] : (['clusterTrustBundle'] as const)),
    'podCertificate',
  ]
  const drop = (object: Writable<KubernetesObject>, previous?: KubernetesObject) => {
    const before = previous && podSpecOf(previous, path)
    for (const source of sources) {
      if (!usesSource(before, source)) dropSource(podSpecOf(object, path), source)
    }
  }
  return {
    ...definition,
    strategy: {
      ...strategy,
      prepareForCreate(object, by) {
        drop(object)
        strategy.prepareForCreate?.(object, by)
      },
      prepareForUpdate(object, previous) {
        drop(object, previous)
        strategy.prepareForUpdate?.(object, previous)
      },
    },
  }
}

function podSpecOf(object: KubernetesObject, path: readonly string[]): Writable<PodSpec> | undefined {
  return path.reduce<unknown>(
    (value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
    object,
  ) as Writable<PodSpec> | undefined
}

function usesSource(spec: PodSpec | undefined, source: DisabledSource): boolean {
  return projectionsOf(spec).some((projection) => projection[source] !== undefined)
}

function dropSource(spec: Writable<PodSpec> | undefined, source: DisabledSource): void {
  for (const projection of projectionsOf(spec)) delete (projection as Writable<typeof projection>)[source]
}

function projectionsOf(spec: PodSpec | undefined) {
  return (spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? [])
}

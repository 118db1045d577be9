import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { replicaSets } from '../../api/generated/resources.ts'
import { deployments } from '../../api/generated/resources.ts'
import { templateHash } from '../../machinery/hash.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import { identityOf } from '../ownership/identity.ts'
import { maxRevision, newReplicaSetAnnotations, sizeAnnotations } from './annotations.ts'
import { rollingSize } from './plan-rollout.ts'
import { hashLabel } from './replica-sets.ts'
import { isRollingUpdate, replicasOf } from './rollout-limits.ts'

/** The replica set for the deployment's present template, as large as it may be at once. */
export function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet {
  const { name, namespace } = identityOf(deployment)
  const { template = {}, selector, minReadySeconds } = deployment.spec ?? {}
  const hash = templateHash(template, deployment.status?.collisionCount)
  const labels = { ...template.metadata?.labels, [hashLabel]: hash }
  const annotations = newReplicaSetAnnotations({}, deployment, maxRevision(old) + 1n)
  const empty: ReplicaSet = {
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      annotations: { ...annotations, ...sizeAnnotations(deployment) },
      ownerReferences: [ownerReferenceTo(deployment, deployments)],
    },
    spec: {
      replicas: 0,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
  const replicas = isRollingUpdate(deployment)
    ? rollingSize(deployment, empty, [...old, empty])
    : replicasOf(deployment)
  return { ...empty, apiVersion: 'apps/v1', kind: replicaSets.kind, spec: { ...empty.spec!, replicas } }
}

/** The present replica set with what it takes over from the deployment beside the template; itself when that is nothing. */
export function syncedReplicaSet(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): ReplicaSet {
  const before = current.metadata?.annotations ?? {}
  const annotations = newReplicaSetAnnotations(before, deployment, maxRevision(old) + 1n)
  const { minReadySeconds = 0 } = deployment.spec ?? {}
  const isSame =
    Object.entries(annotations).every(([key, value]) => before[key] === value) &&
    (current.spec?.minReadySeconds ?? 0) === minReadySeconds
  if (isSame) return current
  return {
    ...current,
    metadata: { ...current.metadata, annotations },
    spec: { ...current.spec!, minReadySeconds },
  }
}

import type { ReplicaSet } from '../../api/generated/apps.v1.ts'
import type { Pod, ReplicationController } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import {
  again,
  done,
  on,
  type ReconcileContext,
  type Reconciler,
  type StaleSyncs,
} from '../../client/reconciler.ts'
import type { ParsedLabelSelector } from '../../machinery/label-selector.ts'
import { controllerOf, isDeleting } from '../../machinery/owner.ts'
import { keyOf, type Resource } from '../../machinery/resource.ts'
import { claim } from '../ownership/claim.ts'
import { indexByController, ownedBy } from '../ownership/controller-index.ts'
import { identityOf } from '../ownership/identity.ts'
import { keysOfOwners } from '../ownership/keys-of-owners.ts'
import { createPod, deletePod, isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { podFromTemplate } from '../pods/pod-from-template.ts'
import { isActive, isTerminating, nextAvailabilityMs } from '../pods/pod-state.ts'
import { inParallel, slowStart } from '../pods/slow-start.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { planReplicas } from './plan-replicas.ts'
import { tellDeletedAges } from './replica-set-metrics.ts'
import { replicaStatus } from './replica-status.ts'

export type ReplicaOwner = ReplicaSet | ReplicationController

/** What differs between the kinds that keep a number of equal pods. */
export interface ReplicaKind<T extends ReplicaOwner> {
  readonly name: string
  readonly queueName?: string
  readonly staleSyncs?: StaleSyncs
  readonly eventSource: string
  readonly resource: Resource<T>
  readonly reportsTerminating: boolean
  selector(owner: T): ParsedLabelSelector
}

/** Keeps the number of live pods equal to spec.replicas. */
export function replicaReconciler<T extends ReplicaOwner>(kind: ReplicaKind<T>): Reconciler {
  const { resource } = kind
  return {
    name: kind.name,
    ...(kind.queueName !== undefined && { queueName: kind.queueName }),
    ...(kind.staleSyncs && { staleSyncs: kind.staleSyncs }),
    eventSource: kind.eventSource,
    watches: [
      on(resource, (owner) => [keyOf(owner)]),
      on(pods, (pod, { cache }) => keysOfOwners(pod, cache(resource), kind.selector)),
    ],

    prepare({ cache }) {
      indexByController(cache(resource))
      indexByController(cache(pods))
    },

    async reconcile(key, context) {
      const { client, cache, clock } = context
      const owner = cache(resource).get(key)
      if (!owner) return done

      const claimed = await claim(
        {
          owner,
          ownerResource: resource,
          resource: pods,
          selector: kind.selector(owner),
          isConcerned: isActive,
        },
        context,
      )
      const active = claimed.filter(isActive)
      const failure = isDeleting(owner) ? undefined : await manage(owner, active, context)

      const { minReadySeconds = 0, replicas: wanted = 1, template } = owner.spec ?? {}
      const nowMs = clock.now()
      const status = replicaStatus(
        owner.status,
        {
          generation: owner.metadata?.generation ?? 0,
          wanted,
          templateLabels: template?.metadata?.labels ?? {},
          minReadySeconds,
          active,
          ...(kind.reportsTerminating && { terminating: claimed.filter(isTerminating).length }),
          ...(failure !== undefined && { failure: messageOf(failure) }),
        },
        nowMs,
      )
      if (!sameOnceWritten(owner.status, status))
        await client.update(resource, { ...owner, status }, { subresource: 'status' })
      if (failure !== undefined) throw failure

      const availableInMs = nextAvailabilityMs(active, minReadySeconds, nowMs)
      return availableInMs === undefined ? done : again(availableInMs)
    },
  }

  /** Creates or deletes pods; what that failed with, so that the status can say it. */
  async function manage(owner: T, active: readonly Pod[], context: ReconcileContext): Promise<unknown> {
    const { replicas = 1, template } = owner.spec ?? {}
    const nowMs = context.clock.now()
    const plan = planReplicas(replicas, active, () => relatedPods(owner, active, context), nowMs)
    try {
      switch (plan.type) {
        case 'keep':
          return undefined
        case 'create':
          await slowStart(plan.count, () =>
            createPod(podFromTemplate(template ?? {}, owner, resource), owner, context),
          )
          return undefined
        case 'delete':
          if (plan.pods.length < active.length) tellDeletedAges(context.metrics, active, plan.pods, nowMs)
          await inParallel(plan.pods, (pod) => deletePod(pod, owner, context))
          return undefined
      }
    } catch (error) {
      return isNamespaceTerminating(error) ? undefined : error
    }
  }

  /** The active pods of all owners that the same deployment controls. */
  function relatedPods(owner: T, active: readonly Pod[], { cache }: ReconcileContext): readonly Pod[] {
    const controller = controllerOf(owner)
    if (!controller) return active
    return ownedBy(cache(resource), controller.uid).flatMap((sibling) =>
      ownedBy(cache(pods), identityOf(sibling).uid).filter(isActive),
    )
  }
}

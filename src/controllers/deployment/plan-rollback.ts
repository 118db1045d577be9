import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { annotationsAfterRollback, revisionOf, rollbackRevisionOf } from './annotations.ts'
import { hasTemplateOf, withoutHash } from './replica-sets.ts'

export interface Rollback {
  /** As it is to be written: with the template of the revision, where it goes back, and not asking for it any more. */
  readonly deployment: Deployment
  readonly event: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }
}

/** Goes back to the revision that the deployment asks for. Source: pkg/controller/deployment/rollback.go. */
export function planRollback(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Rollback {
  const name = goQuote(deployment.metadata?.name ?? '')
  const asked = rollbackRevisionOf(deployment) ?? 0n
  const revision = asked === 0n ? lastButOne(replicaSets.map(revisionOf)) : asked
  if (revision === 0n) return refuse('RevisionNotFound', 'Unable to find last revision.')
  const target = replicaSets.find((replicaSet) => revisionOf(replicaSet) === revision)
  if (!target) return refuse('RevisionNotFound', 'Unable to find the revision to rollback to.')
  if (hasTemplateOf(target, deployment)) {
    const message = `The rollback revision contains the same template as current deployment ${name}`
    return refuse('TemplateUnchanged', message)
  }
  const annotations = annotationsAfterRollback(deployment, target)
  return {
    deployment: {
      ...deployment,
      metadata: { ...deployment.metadata, annotations },
      spec: { ...deployment.spec!, template: withoutHash(target.spec?.template) },
    },
    event: {
      type: 'Normal',
      reason: 'DeploymentRollback',
      message: `Rolled back deployment ${name} to revision ${revision}`,
    },
  }

  function refuse(reason: string, message: string): Rollback {
    const annotations = annotationsAfterRollback(deployment)
    return {
      deployment: { ...deployment, metadata: { ...deployment.metadata, annotations } },
      event: { type: 'Warning', reason: `DeploymentRollback${reason}`, message },
    }
  }
}

/** 0 when there is none before the last. */
function lastButOne(revisions: readonly bigint[]): bigint {
  return revisions.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0))[1] ?? 0n
}

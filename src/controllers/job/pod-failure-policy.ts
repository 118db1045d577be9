import type {
  PodFailurePolicy,
  PodFailurePolicyAction,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../../api/generated/batch.v1.ts'
import type { ContainerStatus, Pod } from '../../api/generated/core.v1.ts'
import { identityOf } from '../ownership/identity.ts'

export interface FailureMatch {
  /** Of the first rule that matches; undefined when none does. */
  readonly action: PodFailurePolicyAction | undefined
  /** Whether the failure counts towards the limits. */
  readonly counts: boolean
  /** Why the whole job fails, where it does. */
  readonly jobFailure?: string
}

/** What the policy says about a failed pod. Source: pkg/controller/job/pod_failure_policy.go. */
export function matchFailurePolicy(policy: PodFailurePolicy | undefined, pod: Pod): FailureMatch {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const cause = causeOf(rule, pod)
    if (cause === undefined) continue
    const { action } = rule
    switch (action) {
      case 'Ignore':
        return { action, counts: false }
      case 'FailJob':
        return { action, counts: true, jobFailure: `${cause} matching ${action} rule at index ${index}` }
      case 'FailIndex':
      case 'Count':
        return { action, counts: true }
    }
  }
  return { action: undefined, counts: true }
}

/** What makes the rule match, in words; undefined when it does not. */
function causeOf({ onExitCodes, onPodConditions = [] }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace, name } = identityOf(pod)
  const { containerStatuses, initContainerStatuses, conditions = [] } = pod.status ?? {}
  if (onExitCodes) {
    const container =
      failedContainer(containerStatuses, onExitCodes) ?? failedContainer(initContainerStatuses, onExitCodes)
    const { exitCode } = container?.state?.terminated ?? {}
    return (
      container &&
      `Container ${container.name} for pod ${namespace}/${name} failed with exit code ${exitCode}`
    )
  }
  const condition = conditions.find(({ type, status }) =>
    onPodConditions.some((pattern) => pattern.type === type && (pattern.status ?? 'True') === status),
  )
  return condition && `Pod ${namespace}/${name} has condition ${condition.type}`
}

function failedContainer(
  statuses: readonly ContainerStatus[] = [],
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  return statuses.find(({ name, state }) => {
    const exitCode = state?.terminated?.exitCode ?? 0
    if (exitCode === 0 || (containerName !== undefined && containerName !== name)) return false
    return values.includes(exitCode) === (operator === 'In')
  })
}

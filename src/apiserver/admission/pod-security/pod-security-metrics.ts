import type { Metrics } from '../../../machinery/metrics.ts'
import { kubernetesVersion } from '../../../api/kubernetes-version.ts'
import type { AdmissionRequest } from '../plugin.ts'
import type { LevelVersion, Mode } from './policy.ts'

const requestLabels = ['request_operation', 'resource', 'subresource'] as const
const evaluationLabels = ['decision', 'policy_level', 'policy_version', 'mode', ...requestLabels] as const
const ownMinorVersion = Number(kubernetesVersion.split('.')[1])

/** Counts what pod security decides, under upstream's names. Source: k8s.io/pod-security-admission/metrics. */
export class PodSecurityMetrics {
  readonly #evaluations
  readonly #exemptions
  readonly #errors

  constructor(metrics: Metrics) {
    this.#evaluations = metrics.counter({
      name: 'pod_security_evaluations_total',
      help: 'Evaluations of policies; requests that are exempt, or of no interest, do not count.',
      labels: evaluationLabels,
    })
    this.#exemptions = metrics.counter({
      name: 'pod_security_exemptions_total',
      help: 'Requests that were exempt.',
      labels: requestLabels,
    })
    this.#errors = metrics.counter({
      name: 'pod_security_errors_total',
      help: 'Errors that kept a policy from being evaluated; after one that is not fatal a stricter one was.',
      labels: ['fatal', ...requestLabels],
    })
  }

  evaluated(request: AdmissionRequest, mode: Mode, policy: LevelVersion, decision: 'allow' | 'deny'): void {
    this.#evaluations
      .with({
        decision,
        policy_level: policy.level,
        policy_version: versionLabel(policy),
        mode,
        ...labelsOf(request),
      })
      .add()
  }

  exempted(request: AdmissionRequest): void {
    this.#exemptions.with(labelsOf(request)).add()
  }

  failed(request: AdmissionRequest, fatal: boolean): void {
    this.#errors.with({ fatal: String(fatal), ...labelsOf(request) }).add()
  }
}

/** Versions that are not there yet are one, so that nobody can make series without end. */
function versionLabel({ minorVersion }: LevelVersion): string {
  if (minorVersion === 'latest') return 'latest'
  return minorVersion <= ownMinorVersion ? `v1.${minorVersion}` : 'future'
}

function labelsOf({ operation, resource, subresource }: AdmissionRequest) {
  const isPod = resource.group === '' && resource.resource === 'pods'
  return {
    request_operation: operation.toLowerCase(),
    resource: isPod ? 'pod' : 'controller',
    subresource,
  }
}

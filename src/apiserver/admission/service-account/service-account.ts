import type { Pod, ServiceAccount } from '../../../api/generated/core.v1.ts'
import { pods, serviceAccounts } from '../../../api/generated/resources.ts'
import { sleep, type Clock } from '../../../machinery/clock.ts'
import { writableCopy } from '../../../machinery/copy.ts'
import { generateName } from '../../../machinery/names.ts'
import type { Random } from '../../../machinery/random.ts'
import { mirrorPodAnnotation, podSecretNames } from '../../../api/core/pod/pod-references.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'
import { ephemeralSecretFault, limitsSecrets, secretFault } from './mountable-secrets.ts'
import { mountToken } from './token-volume.ts'

const defaultName = 'default'
/** The default account is made by a controller, soon after its namespace. */
const defaultAttempts = 10
const retryMs = 100

/**
 * Every pod runs as a service account that exists, and gets its token.
 * Source: kubernetes/plugin/pkg/admission/serviceaccount.
 */
export function createServiceAccount(objects: Objects, clock: Clock, random: Random): AdmissionPlugin {
  async function find(request: AdmissionRequest, name: string): Promise<ServiceAccount> {
    const objectName = { namespace: request.namespace, name }
    const cached = objects.get(serviceAccounts, objectName)
    if (cached) return cached
    const attempts = name === defaultName ? defaultAttempts : 1
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) await sleep(clock, retryMs + random.next() * retryMs)
      const latest = await objects.getLatest(serviceAccounts, objectName)
      if (latest) return latest
    }
    throw refused(
      request,
      `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`,
    )
  }

  return {
    name: 'ServiceAccount',
    handles: (request) =>
      isAbout(request, pods, ['CREATE']) || isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers'),

    async mutate(request) {
      if (request.operation !== 'CREATE') return
      const pod = objectOf(request, pods)
      const { spec } = pod
      if (!spec || isMirror(pod)) return
      const name = spec.serviceAccountName || defaultName
      spec.serviceAccountName = name
      // The old name of the field is written too, for old clients.
      spec.serviceAccount = name
      const account = await find(request, name)
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) {
        mountToken(spec, (prefix) => generateName(prefix, random))
      }
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        spec.imagePullSecrets = writableCopy(account.imagePullSecrets)
      }
    },

    async validate(request) {
      const pod: Pod = objectOf(request, pods)
      if (!pod.spec) return
      if (isMirror(pod)) {
        const fault = mirrorFault(pod)
        if (fault !== undefined) throw refused(request, fault)
        return
      }
      const account = await find(request, pod.spec.serviceAccountName || defaultName)
      if (!limitsSecrets(account)) return
      const fault =
        request.operation === 'CREATE'
          ? secretFault(account, pod.spec)
          : ephemeralSecretFault(account, pod.spec)
      if (fault !== undefined) throw refused(request, fault)
    },
  }
}

function isMirror({ metadata }: Pod): boolean {
  return metadata?.annotations?.[mirrorPodAnnotation] !== undefined
}

/** A mirror pod is made by a kubelet: it must not give itself rights that way. */
function mirrorFault(pod: Pod): string | undefined {
  if (pod.spec?.serviceAccountName) return 'a mirror pod may not reference service accounts'
  if (podSecretNames(pod).length > 0) return 'a mirror pod may not reference secrets'
  const projectsToken = (pod.spec?.volumes ?? []).some(({ projected }) =>
    projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken),
  )
  return projectsToken ? 'a mirror pod may not use ServiceAccountToken volume projections' : undefined
}

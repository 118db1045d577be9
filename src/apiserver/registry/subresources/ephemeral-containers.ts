import { validatePodSpec } from '../../../api/core/pod/pod-validation.ts'
import type { EphemeralContainer, Pod } from '../../../api/generated/core.v1.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, path, type FieldError } from '../../../machinery/field-error.ts'
import { internalDifference } from '../../../api/internal-form.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { Registry } from '../registry.ts'
import type { Subresource } from '../subresource.ts'
import { keepField, raiseGeneration, type UpdateRules } from '../update-rules.ts'
import { partOf } from './part-of.ts'

const at = path('spec', 'ephemeralContainers')

/** Containers that are added to a running pod, for debugging. */
export const ephemeralContainersSubresource: Subresource = partOf(
  '',
  'pods',
  'ephemeralcontainers',
  ['get', 'patch', 'update'],
  rulesOf,
)

function rulesOf(pods: Registry): UpdateRules {
  return {
    prepare(object, previous) {
      const wanted = (object as Pod).spec?.ephemeralContainers
      const { managedFields } = object.metadata ?? {}
      object.metadata = {
        ...(previous.metadata as Writable<Pod>['metadata']),
        ...identityOf(object),
        ...(managedFields && { managedFields }),
      }
      for (const key of Object.keys({ ...object, ...previous })) {
        if (key !== 'metadata') keepField(object, previous, key)
      }
      const pod = object as Writable<Pod>
      pod.spec = { ...pod.spec!, ephemeralContainers: (wanted ?? []) as Writable<EphemeralContainer>[] }
      raiseGeneration(pods.served, object, previous)
    },
    validate(object, previous) {
      const errors = validatePodSpec((object as Pod).spec!, path('spec')).filter(({ field }) => {
        return field.startsWith('spec.ephemeralContainers')
      })
      return [...errors, ...transitionErrors(object, previous)]
    },
  }
}

/** What a client says to mean this very object. */
function identityOf({ metadata }: Pod) {
  const { name, namespace, uid, resourceVersion } = metadata ?? {}
  return {
    ...(name && { name }),
    ...(namespace && { namespace }),
    ...(uid && { uid }),
    ...(resourceVersion && { resourceVersion }),
  }
}

/** Source: kubernetes/pkg/apis/core/validation, ValidatePodEphemeralContainersUpdate. */
function transitionErrors(pod: Pod, previous: Pod): FieldError[] {
  if (previous.metadata?.annotations?.['kubernetes.io/config.mirror']) {
    return [forbidden(path(''), 'static pods do not support ephemeral containers')]
  }
  const errors: FieldError[] = []
  for (const before of previous.spec?.ephemeralContainers ?? []) {
    const now = pod.spec?.ephemeralContainers?.find(({ name }) => name === before.name)
    const what = `existing ephemeral containers ${goQuote(before.name)}`
    if (!now) errors.push(forbidden(at, `${what} may not be removed\n`))
    else if (!semanticEqual(now, before)) {
      const difference = internalDifference('core.v1.EphemeralContainer', before, now)
      errors.push(forbidden(at, `${what} may not be changed\n${difference}`))
    }
  }
  return errors
}

import { mergeTolerations } from '../../api/core/pod/tolerations.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { RuntimeClass } from '../../api/generated/node.v1.ts'
import { pods, runtimeClasses } from '../../api/generated/resources.ts'
import { writableCopy } from '../../machinery/copy.ts'
import type { Writable } from '../../machinery/meta.ts'
import { compareQuantity } from '../../machinery/quantity.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts'
import { refused } from './refuse.ts'
import { isAbout, objectOf } from './request-matching.ts'

/**
 * A pod gets what its runtime class costs and where it runs. Source: kubernetes/plugin/pkg/admission/runtimeclass.
 */
export function createRuntimeClass(objects: Objects): AdmissionPlugin {
  async function find(request: AdmissionRequest, pod: Pod): Promise<RuntimeClass | undefined> {
    const name = pod.spec?.runtimeClassName
    if (!name) return undefined
    const found = objects.get(runtimeClasses, { name }) ?? (await objects.getLatest(runtimeClasses, { name }))
    if (!found) throw refused(request, `pod rejected: RuntimeClass "${name}" not found`)
    return found
  }

  return {
    name: 'RuntimeClass',
    handles: (request) => isAbout(request, pods, ['CREATE']),
    async mutate(request) {
      const pod = objectOf(request, pods)
      const runtimeClass = await find(request, pod)
      if (!runtimeClass) return
      setOverhead(request, pod, runtimeClass)
      setScheduling(request, pod, runtimeClass)
    },
    async validate(request) {
      const pod: Pod = objectOf(request, pods)
      const runtimeClass = await find(request, pod)
      const overhead = pod.spec?.overhead ?? {}
      const declared = runtimeClass?.overhead?.podFixed ?? {}
      if (Object.keys(declared).length > 0) {
        if (!sameAmounts(overhead, declared)) throw refused(request, differentOverhead)
      } else if (Object.keys(overhead).length > 0) {
        throw refused(
          request,
          'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
        )
      }
    },
  }
}

const differentOverhead = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"

function setOverhead(request: AdmissionRequest, { spec }: Writable<Pod>, { overhead }: RuntimeClass): void {
  const declared = overhead?.podFixed
  if (!spec || !declared || Object.keys(declared).length === 0) return
  if (spec.overhead && !sameAmounts(spec.overhead, declared)) throw refused(request, differentOverhead)
  spec.overhead = { ...declared }
}

function sameAmounts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => b[name] !== undefined && compareQuantity(a[name]!, b[name]) === 0)
  )
}

function setScheduling(
  request: AdmissionRequest,
  { spec }: Writable<Pod>,
  { scheduling }: RuntimeClass,
): void {
  if (!spec || !scheduling) return
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const given = spec.nodeSelector?.[key]
    if (given !== undefined && given !== value) {
      throw refused(
        request,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${given}`,
      )
    }
    ;(spec.nodeSelector ??= {})[key] = value
  }
  if (scheduling.tolerations?.length) {
    spec.tolerations = writableCopy([...mergeTolerations(spec.tolerations ?? [], scheduling.tolerations)])
  }
}

import type { Pod, PodSpec } from '../../../api/generated/core.v1.ts'
import { pods } from '../../../api/generated/resources.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'

/**
 * Every image is pulled anew, so that nobody runs a private image that somebody else has pulled.
 * Source: kubernetes/plugin/pkg/admission/alwayspullimages.
 */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  handles: (request) =>
    isAbout(request, pods, ['CREATE', 'UPDATE']) || isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers'),
  mutate(request) {
    const { spec } = objectOf(request, pods)
    if (!spec) return
    for (const container of containersOf(spec)) container.imagePullPolicy = 'Always'
    for (const { image } of spec.volumes ?? []) if (image) image.pullPolicy = 'Always'
  },
  validate(request) {
    const { spec }: Pod = objectOf(request, pods)
    const bad =
      spec && containersOf(spec as Writable<PodSpec>).find((one) => one.imagePullPolicy !== 'Always')
    if (bad) {
      throw refused(
        request,
        `spec.containers[${bad.name}].imagePullPolicy: Unsupported value: "${bad.imagePullPolicy ?? ''}": supported values: "Always"`,
      )
    }
  },
}

function containersOf(
  spec: Writable<PodSpec>,
): readonly { readonly name: string; imagePullPolicy?: string }[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

import type { Pod, PodSpec } from '../../../api/generated/core.v1.ts'
import { pods } from '../../../api/generated/resources.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'

/**
 * Every image is pulled anew, so that nobody runs a private image that somebody else has pulled.
 * Source: kubernetes/plugin/pkg/admission/alwayspullimages.
 */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  handles: (request) =>
    (isAbout(request, pods, ['CREATE', 'UPDATE']) ||
      isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers')) &&
    hasNewImages(request),
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

/** Pods that were there before the plugin was can be changed in all else. */
function hasNewImages(request: AdmissionRequest): boolean {
  if (request.operation !== 'UPDATE') return true
  const before = new Set(imagesOf(oldObjectOf(request, pods)))
  return imagesOf(objectOf(request, pods)).some((image) => !before.has(image))
}

function imagesOf({ spec }: Pod): readonly (string | undefined)[] {
  if (!spec) return []
  const containers: readonly { readonly image?: string }[] = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]
  const volumes = (spec.volumes ?? []).flatMap(({ image }) => (image ? [image.reference] : []))
  return [...containers.map(({ image }) => image), ...volumes]
}

function containersOf(
  spec: Writable<PodSpec>,
): readonly { readonly name: string; imagePullPolicy?: string }[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

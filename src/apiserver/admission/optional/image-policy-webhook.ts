import type { PodSpec } from '../../../api/generated/core.v1.ts'
import { pods } from '../../../api/generated/resources.ts'
import { parseYaml } from '../../../api/yaml-text.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { formatDuration } from '../../../machinery/duration.ts'
import type { Random } from '../../../machinery/random.ts'
import { ExpiringCache } from '../../webhook/expiring-cache.ts'
import type { PostJson } from '../../webhook/post-json.ts'
import { withRetries } from '../../webhook/retry.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'

/** Of a file with `imagePolicy`, in milliseconds. */
export interface ImagePolicySettings {
  readonly kubeConfigFile: string
  readonly allowTtlMs: number
  readonly denyTtlMs: number
  readonly retryBackoffMs: number
  readonly defaultAllow: boolean
}

/** Throws an Error in upstream's words. Source: kubernetes/plugin/pkg/admission/imagepolicy/config.go. */
export function readImagePolicy(content: string): ImagePolicySettings {
  const value = parseYaml(content) as { readonly imagePolicy?: Readonly<Record<string, unknown>> } | null
  const { kubeConfigFile, allowTTL, denyTTL, retryBackoff, defaultAllow } = value?.imagePolicy ?? {}
  const halfHourMs = 30 * 60_000
  return {
    kubeConfigFile: typeof kubeConfigFile === 'string' ? kubeConfigFile : '',
    retryBackoffMs: within(retryBackoff, 1, { least: 0, most: 5 * 60_000, usual: 500 }),
    allowTtlMs: within(allowTTL, 1000, { least: 1000, most: halfHourMs, usual: 5 * 60_000 }),
    denyTtlMs: within(denyTTL, 1000, { least: 1000, most: halfHourMs, usual: 30_000 }),
    defaultAllow: defaultAllow === true,
  }
}

/** -1 is none, 0 is usual. */
function within(
  value: unknown,
  unitMs: number,
  { least, most, usual }: { readonly least: number; readonly most: number; readonly usual: number },
): number {
  if (value === undefined || value === 0) return usual
  if (typeof value !== 'number') throw new Error(`imagePolicy: ${JSON.stringify(value)} is not a number`)
  if (value === -1) return 0
  const milliseconds = value * unitMs
  if (milliseconds >= least && milliseconds <= most) return milliseconds
  const [from, to] = [least === 0 ? '1ns' : formatDuration(least), formatDuration(most)]
  throw new Error(`valid value is between ${from} and ${to}, got ${formatDuration(milliseconds)}`)
}

export interface ImagePolicyWebhookOptions extends Omit<ImagePolicySettings, 'kubeConfigFile'> {
  readonly post: PostJson
  readonly clock: Clock
  readonly random: Random
}

interface ReviewStatus {
  readonly allowed?: boolean
  readonly reason?: string
  readonly auditAnnotations?: Readonly<Record<string, string>>
}

const timeoutMs = 30_000
const cacheSize = 1024
const auditPrefix = 'imagepolicywebhook.image-policy.k8s.io/'
const failedOpenAnnotation = 'alpha.image-policy.k8s.io/failed-open'

/** A server decides which images may run. Source: kubernetes/plugin/pkg/admission/imagepolicy. */
export function createImagePolicyWebhook(options: ImagePolicyWebhookOptions): AdmissionPlugin {
  const { clock, random, post } = options
  const answers = new ExpiringCache<ReviewStatus>(clock, cacheSize)

  async function ask(spec: object): Promise<ReviewStatus> {
    const key = JSON.stringify(spec)
    const known = answers.get(key)
    if (known) return known
    const review = { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1alpha1', metadata: {}, spec }
    const retry = { firstDelayMs: options.retryBackoffMs }
    const answer = await withRetries(clock, random, () => post(review, { timeoutMs }), retry)
    const { kind, status = {} } = answer as { readonly kind?: string; readonly status?: ReviewStatus }
    if (kind !== 'ImageReview') throw new Error(`unexpected kind ${kind}, expected ImageReview`)
    answers.set(key, status, status.allowed ? options.allowTtlMs : options.denyTtlMs)
    return status
  }

  return {
    name: 'ImagePolicyWebhook',
    handles: (request) =>
      isAbout(request, pods, ['CREATE', 'UPDATE']) ||
      isAbout(request, pods, ['UPDATE'], 'ephemeralcontainers'),
    async validate(request) {
      let status: ReviewStatus
      try {
        status = await ask(reviewSpecOf(request))
      } catch (error) {
        if (!options.defaultAllow)
          throw refused(request, error instanceof Error ? error.message : String(error))
        request.annotate?.(`${auditPrefix}failed-open`, 'true')
        const { metadata } = objectOf(request, pods)
        if (metadata) metadata.annotations = { ...metadata.annotations, [failedOpenAnnotation]: 'true' }
        return
      }
      for (const [key, value] of Object.entries(status.auditAnnotations ?? {})) {
        request.annotate?.(`${auditPrefix}${key}`, value)
      }
      if (status.allowed) return
      throw refused(
        request,
        status.reason
          ? `image policy webhook backend denied one or more images: ${status.reason}`
          : 'one or more images rejected by webhook backend',
      )
    },
  }
}

function reviewSpecOf(request: AdmissionRequest): object {
  const { metadata, spec } = objectOf(request, pods)
  const annotations = Object.entries(metadata?.annotations ?? {}).filter(([key]) =>
    key.includes('.image-policy.k8s.io/'),
  )
  return {
    containers: imagesOf(spec as PodSpec, request.subresource).map((image) => ({ image })),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
    namespace: request.namespace,
  }
}

function imagesOf(spec: PodSpec, subresource: string): readonly (string | undefined)[] {
  const containers =
    subresource === ''
      ? [...spec.containers, ...(spec.initContainers ?? [])]
      : (spec.ephemeralContainers ?? [])
  return containers.map(({ image }) => image)
}

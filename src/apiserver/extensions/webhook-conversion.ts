import { randomUUID } from 'node:crypto'
import type { ConversionReview, CustomResourceDefinition } from '../../api/generated/apiextensions.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { aggregateFieldErrors, path } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { KubernetesObject, ObjectMeta, Status } from '../../machinery/meta.ts'
import { parseApiVersion } from '../../machinery/resource.ts'
import { internalError } from '../../machinery/status-errors.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import { validateAnnotations } from '../../machinery/validation/object-meta.ts'
import type { WebhookClient } from '../webhook/webhook-client.ts'

/** Brings objects of any of a custom resource's versions to one version, all in one request. */
export type ConvertObjects = (
  objects: readonly KubernetesObject[],
  apiVersion: string,
) => Promise<readonly KubernetesObject[]>

const timeoutMs = 30_000
/** Versions of ConversionReview that are spoken. */
const reviewVersions = ['v1', 'v1beta1']

/** An answer of a webhook that is none. */
class ConversionError extends Error {}

/**
 * Has the webhook of a definition convert. What it makes keeps the metadata of the object but for labels and
 * annotations. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go.
 */
export function convertByWebhook(
  { spec }: Pick<CustomResourceDefinition, 'spec'>,
  client: Pick<WebhookClient, 'call'>,
): ConvertObjects {
  const { clientConfig = {}, conversionReviewVersions = [] } = spec.conversion?.webhook ?? {}
  const reviewVersion = conversionReviewVersions.find((version) => reviewVersions.includes(version)) ?? 'v1'

  async function converted(
    objects: readonly KubernetesObject[],
    desiredAPIVersion: string,
  ): Promise<readonly KubernetesObject[]> {
    const uid = randomUUID()
    const apiVersion = `apiextensions.k8s.io/${reviewVersion}`
    const review = { kind: 'ConversionReview', apiVersion, request: { uid, desiredAPIVersion, objects } }
    const answer = (await client.call(clientConfig, review, { timeoutMs })) as unknown as ConversionReview
    if (reviewVersion === 'v1') checkReview(answer, apiVersion, uid)
    return convertedObjects(answer)
  }

  return async (objects, apiVersion) => {
    const foreign = objects.filter((object) => object.apiVersion !== apiVersion)
    if (foreign.length === 0) return objects
    try {
      const results = await converted(foreign, apiVersion)
      if (results.length !== foreign.length) {
        throw new ConversionError(`returned ${results.length} objects, expected ${foreign.length}`)
      }
      const byOriginal = new Map(
        foreign.map((object, index) => {
          // Of one object alone upstream speaks otherwise.
          const place = foreign.length === 1 ? undefined : index
          return [object, accepted(object, results[index]!, apiVersion, place)]
        }),
      )
      return objects.map((object) => byOriginal.get(object) ?? object)
    } catch (error) {
      const { group, version } = parseApiVersion(foreign[0]?.apiVersion ?? '') ?? {}
      const kind = `${group}/${version}, Kind=${foreign[0]?.kind ?? ''}`
      const message = error instanceof Error ? error.message : String(error)
      const verb = error instanceof ConversionError ? '' : 'failed: '
      throw internalError(`conversion webhook for ${kind} ${verb}${message}`)
    }
  }
}

function checkReview(review: ConversionReview, apiVersion: string, uid: string): void {
  const { kind = '', apiVersion: found = '', response } = review
  if (kind !== 'ConversionReview' || found !== apiVersion) {
    const shown = (version: string, name: string) => `${version}, Kind=${name}`
    throw new Error(
      `expected webhook response of ${shown(apiVersion, 'ConversionReview')}, got ${shown(found, kind)}`,
    )
  }
  if (response && response.uid !== uid) {
    throw new Error(`expected response.uid=${goQuote(uid)}, got ${goQuote(response.uid ?? '')}`)
  }
}

function convertedObjects({ response }: ConversionReview): readonly KubernetesObject[] {
  if (!response) throw new Error('no response provided')
  const { status, message = '' }: Status = response.result ?? {}
  if (status !== 'Success') {
    throw new Error(message === '' ? `response.result.status was '${status ?? ''}', not 'Success'` : message)
  }
  return (response.convertedObjects ?? []) as unknown as readonly KubernetesObject[]
}

/** The object that the webhook made of `original`, as far as it may. `index`: absent where it is the only one. */
function accepted(
  original: KubernetesObject,
  converted: KubernetesObject,
  apiVersion: string,
  index: number | undefined,
): KubernetesObject {
  const invalidObject = index === undefined ? 'invalid object' : `invalid converted object at index ${index}`
  const refuse = (detail: string, place = '') =>
    new ConversionError(`returned ${invalidObject}${place}: ${detail}`)
  const first = index === undefined ? ' at index 0' : ''
  if (converted?.apiVersion !== apiVersion) {
    const found = converted?.apiVersion ?? ''
    throw refuse(`invalid groupVersion (expected ${apiVersion}, received ${found})`, first)
  }
  if (converted.kind !== original.kind) {
    throw refuse(`invalid kind (expected ${original.kind}, received ${converted.kind ?? ''})`, first)
  }
  for (const [name, key] of identity) {
    const [before, after] = [original.metadata?.[key] ?? '', converted.metadata?.[key] ?? '']
    if (before !== after) throw refuse(`must have the same ${name}: ${before} != ${after}`)
  }
  return { ...converted, metadata: metadataOf(original, converted, index) }
}

const identity = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['UID', 'uid'],
] as const

function metadataOf(
  original: KubernetesObject,
  converted: KubernetesObject,
  index: number | undefined,
): ObjectMeta {
  const place = index === undefined ? '' : ` in object at index ${index}`
  const refuse = (detail: string) => new ConversionError(`returned invalid metadata${place}: ${detail}`)
  if (converted.metadata === undefined) throw refuse('missing metadata in converted object')
  if (!isMap(converted.metadata)) {
    throw refuse(`invalid metadata of type ${goType(converted.metadata)} in converted object`)
  }
  const { labels: hadLabels, annotations: hadAnnotations, ...kept } = original.metadata ?? {}
  const { labels, annotations } = converted.metadata
  for (const [field, values] of Object.entries({ labels, annotations })) {
    if (values && !isMap(values)) {
      throw refuse(`invalid metadata.${field} of type ${goType(values)} in converted object`)
    }
    for (const [key, value] of Object.entries(values ?? {})) {
      if (typeof value === 'string') continue
      throw refuse(`metadata.${field}[${key}] must be a string, but is ${goType(value)} in converted object`)
    }
  }
  const errors = [
    // What was there before is not looked at again.
    ...(jsonEqual(labels, hadLabels) ? [] : validateLabels(labels ?? {}, path('metadata', 'labels'))),
    ...(jsonEqual(annotations, hadAnnotations)
      ? []
      : validateAnnotations(annotations, path('metadata', 'annotation'))),
  ]
  if (errors.length > 0) throw refuse(aggregateFieldErrors(errors))
  return { ...kept, ...(labels && { labels }), ...(annotations && { annotations }) }
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How Go calls the type of a value of JSON. */
function goType(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64'
    case 'bigint':
      return 'int64'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    default:
      return 'map[string]interface {}'
  }
}

import { semanticEqual } from '../../machinery/equal.ts'
import { invalid, path, type FieldError } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { parseInt64 } from '../../machinery/int64.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { structSchema } from '../fact-schemas.ts'
import type { DaemonSet } from '../generated/apps.v1.ts'

/*
 * The templates of a daemon set are counted from 1. Upstream keeps the number in the spec of its own form, which apps/v1
 * shows as an annotation; clients do not choose it. Source: kubernetes/pkg/apis/apps/v1/conversion.go and
 * pkg/registry/apps/daemonset.
 */

export const templateGenerationAnnotation = 'deprecated.daemonset.template.generation'

/** Every daemon set has the annotation. */
export function defaultTemplateGeneration(daemonSet: Writable<DaemonSet>): void {
  const given = daemonSet.metadata?.annotations?.[templateGenerationAnnotation]
  const generation = parseInt64(given ?? '0')
  if (generation !== undefined) setTemplateGeneration(daemonSet, generation)
}

export function countFirstTemplate(daemonSet: Writable<DaemonSet>): void {
  if (templateGenerationOf(daemonSet) < 1n) setTemplateGeneration(daemonSet, 1n)
}

export function countTemplate(daemonSet: Writable<DaemonSet>, previous: DaemonSet): void {
  const generation = templateGenerationOf(previous)
  setTemplateGeneration(daemonSet, changesTemplate(daemonSet, previous) ? generation + 1n : generation)
}

export function changesTemplate(daemonSet: DaemonSet, previous: DaemonSet): boolean {
  const [next, before] = [daemonSet.spec?.template, previous.spec?.template]
  return !semanticEqual(next, before, structSchema('core.v1.PodTemplateSpec'))
}

/** Of a daemon set that nobody has counted: what stands there instead of a number. */
export function templateGenerationErrors({ metadata }: KubernetesObject): FieldError[] {
  const value = metadata?.annotations?.[templateGenerationAnnotation] ?? '0'
  if (parseInt64(value) !== undefined) return []
  const at = path('metadata', 'annotations').key(templateGenerationAnnotation)
  return [invalid(at, value, `strconv.ParseInt: parsing ${goQuote(value)}: invalid syntax`)]
}

function templateGenerationOf({ metadata }: KubernetesObject): bigint {
  return parseInt64(metadata?.annotations?.[templateGenerationAnnotation] ?? '') ?? 0n
}

function setTemplateGeneration(daemonSet: Writable<DaemonSet>, generation: bigint): void {
  const metadata = (daemonSet.metadata ??= {})
  metadata.annotations = { ...metadata.annotations, [templateGenerationAnnotation]: `${generation}` }
}

import type { PodTemplateSpec } from '../../api/generated/core.v1.ts'
import { schemaOfType } from '../../api/scheme.ts'
import { semanticEqual } from '../../machinery/equal.ts'

/** Whether two templates mean the same pods. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  const schema = schemaOfType('io.k8s.api.core.v1.PodTemplateSpec')
  return semanticEqual(a, b, ...(schema ? [schema] : []))
}

import type { FieldPath } from '../../../machinery/field-error.ts'
import type { Container, EphemeralContainer, PodSpec } from '../../generated/core.v1.ts'

/** All containers of a pod with where they stand: those that start first come first. */
export function* visitContainers(
  spec: PodSpec,
  field: FieldPath,
): Generator<readonly [container: Container | EphemeralContainer, at: FieldPath]> {
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries())
      yield [container, field.child(list).index(index)]
  }
}

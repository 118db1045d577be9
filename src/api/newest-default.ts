import type { KubernetesObject } from '../machinery/meta.ts'

/** Of the classes that an annotation marks as default: the newest, and by name among equals. */
export function newestDefault<T extends KubernetesObject>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  return classes
    .filter(({ metadata }) => annotations.some((key) => metadata?.annotations?.[key] === 'true'))
    .sort((a, b) => {
      const created = ({ metadata }: KubernetesObject) => metadata?.creationTimestamp ?? ''
      const name = ({ metadata }: KubernetesObject) => metadata?.name ?? ''
      if (created(a) !== created(b)) return created(a) < created(b) ? 1 : -1
      return name(a) < name(b) ? -1 : 1
    })[0]
}

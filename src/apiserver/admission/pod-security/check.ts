import type { Container, PodSpec, SecurityContext } from '../../../api/generated/core.v1.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'

/** What a check has to object to: `reason (detail)`. */
export interface Violation {
  readonly reason: string
  readonly detail: string
}

export type CheckPod = (spec: PodSpec, metadata: ObjectMeta) => Violation | undefined

/** One rule of the Pod Security Standards. */
export interface Check {
  readonly id: string
  readonly level: 'baseline' | 'restricted'
  /** The rule as of each minor version, from the oldest on; none before the first. */
  readonly versions: readonly { readonly since: number; readonly check: CheckPod }[]
  /** Baseline checks that this stricter one makes superfluous. */
  readonly overrides?: readonly string[]
}

/** All containers, of whatever kind: init, then ordinary, then ephemeral ones. */
export function containersOf(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

/** The names of the containers whose security context is bad. */
export function badContainers(
  spec: PodSpec,
  isBad: (context: SecurityContext, container: Container) => boolean,
): readonly string[] {
  return containersOf(spec)
    .filter((container) => isBad(container.securityContext ?? {}, container))
    .map(({ name }) => name)
}

export function plural(one: string, many: string, count: number): string {
  return count === 1 ? one : many
}

/** `"a", "b"`. */
export function quoted(items: readonly string[]): string {
  return `"${items.join('", "')}"`
}

/** `container "a"`, `containers "a", "b"`. */
export function containersText(names: readonly string[]): string {
  return `${plural('container', 'containers', names.length)} ${quoted(names)}`
}

/** Each once, in order. */
export function sorted(items: Iterable<string>): readonly string[] {
  return [...new Set(items)].sort()
}

/** Who sets something: `pod`, `pod and container "a"`; empty when nobody does. */
export function settersText(byPod: boolean, containers: readonly string[]): string {
  return [...(byPod ? ['pod'] : []), ...(containers.length > 0 ? [containersText(containers)] : [])].join(
    ' and ',
  )
}

/** A pod in a user namespace of its own is root inside only. */
export function hasOwnUsers(spec: PodSpec): boolean {
  return spec.hostUsers === false
}

export function isWindows(spec: PodSpec): boolean {
  return spec.os?.name === 'windows'
}

import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Resource } from '../../../machinery/resource.ts'
import type { Objects } from '../../objects.ts'

/** A policy with what binds it. */
export interface BoundPolicy<Policy, Binding> {
  readonly policy: Policy
  readonly bindings: readonly Binding[]
}

interface AnyBinding extends KubernetesObject {
  readonly spec?: { readonly policyName?: string }
}

/** The policies of a kind that are bound, by name, each with its bindings by name. */
export class PolicySource<Policy extends KubernetesObject, Binding extends AnyBinding> {
  readonly #objects: Objects
  readonly #policies: Resource<Policy>
  readonly #bindings: Resource<Binding>
  #bound: readonly BoundPolicy<Policy, Binding>[] | undefined

  constructor(objects: Objects, policies: Resource<Policy>, bindings: Resource<Binding>) {
    this.#objects = objects
    this.#policies = policies
    this.#bindings = bindings
    const forget = () => (this.#bound = undefined)
    objects.onChange(policies, forget)
    objects.onChange(bindings, forget)
  }

  get bound(): readonly BoundPolicy<Policy, Binding>[] {
    this.#bound ??= this.#join()
    return this.#bound
  }

  #join(): readonly BoundPolicy<Policy, Binding>[] {
    const bindings = Map.groupBy(this.#objects.list(this.#bindings), ({ spec }) => spec?.policyName ?? '')
    return this.#objects
      .list(this.#policies)
      .toSorted(byName)
      .map((policy) => ({
        policy,
        bindings: (bindings.get(policy.metadata?.name ?? '') ?? []).toSorted(byName),
      }))
      .filter((bound) => bound.bindings.length > 0)
  }
}

function byName(a: KubernetesObject, b: KubernetesObject): number {
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1
}

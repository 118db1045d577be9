import type { GroupVersionKind } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { Registry } from './registry.ts'
import type { ServedResource } from './served-resource.ts'
import type { Answer, RequestScope, ResourceRequest, Verb } from './request.ts'

/** One part of objects with a path of its own: `pods/eviction`, `deployments/scale`. */
export interface Subresource {
  readonly name: string
  /** What its bodies are, for discovery: `autoscaling/v1`, Scale. */
  kind(resource: Resource): GroupVersionKind
  readonly verbs: readonly Verb[]
  /** Which resources have it. */
  appliesTo(registry: Registry, served: ServedResource): boolean
  /** Does what the request asks for; only requests with one of `verbs` come here. */
  handle(registry: Registry, scope: RequestScope, request: ResourceRequest): Promise<Answer>
}

/** What a request asks for, read off its method, path and query. Source: k8s.io/apiserver/pkg/endpoints/request. */
export interface RequestInfo {
  readonly isResourceRequest: boolean
  readonly path: string
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; the lower-case method for other paths. */
  readonly verb: string
  /** `api` or `apis`. */
  readonly apiPrefix: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** Path segments after the resource: [resource, name, subresource, ...rest]. */
  readonly parts: readonly string[]
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

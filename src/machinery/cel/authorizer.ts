/**
 * Who answers `authorizer.group(...).check(...)`. Bound to one user and one request by the caller.
 * Source: k8s.io/apiserver/pkg/cel/library/authz.go.
 */
export interface CelAuthorizer {
  authorize(attributes: CelAuthorizationAttributes): CelDecision | Promise<CelDecision>
}

export type CelAuthorizationAttributes = {
  /** `authorizer.serviceAccount(namespace, name)`: ask for this account instead of the request's user. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string }
  readonly verb: string
} & (
  | { readonly isResourceRequest: false; readonly path: string }
  | {
      readonly isResourceRequest: true
      readonly group: string
      /** Checks of CEL name no version. */
      readonly version: '*'
      readonly resource: string
      readonly subresource: string
      readonly namespace: string
      readonly name: string
      /** The selectors' texts as given; the caller parses them, and an unparsable one counts as none. */
      readonly fieldSelector?: string
      readonly labelSelector?: string
    }
)

export interface CelDecision {
  readonly allowed: boolean
  readonly reason: string
  /** The authoriser failed; the decision is then no permission. */
  readonly error?: string
}

/** What `authorizer.requestResource` checks. */
export interface CelRequestResource {
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
}

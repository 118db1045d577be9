import type { User } from '../authentication/authenticator.ts'

/** One action, as rules see it. Source: k8s.io/apiserver/pkg/authorization/authorizer. */
export interface Attributes {
  readonly user: User
  readonly verb: string
  readonly isResourceRequest: boolean
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** For requests that name no resource. */
  readonly path: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

export type Decision = { readonly type: 'allow'; readonly reason: string } | Refusal

export interface Refusal {
  readonly type: 'deny' | 'noOpinion'
  readonly reason: string
  /** What kept an authoriser from a better answer; a refusal with one is a fault of the server, not of who asks. */
  readonly error?: Error
}

/** The first authoriser in the ordered list that allows or denies decides; nobody's opinion is a refusal. */
export interface Authorizer {
  readonly name: string
  /** Whether it always answers at once, since it asks nobody else. */
  readonly isLocal?: boolean
  authorize(attributes: Attributes): Decision | Promise<Decision>
}

import type { X509Certificate } from 'node:crypto'

/** Who makes a request. */
export interface User {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** What a request brings to prove who makes it. */
export interface Credentials {
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The client certificate that TLS verified against no CA yet, if one was sent. */
  readonly certificate?: X509Certificate
  /** Adds an annotation to the audit event of the request. */
  readonly annotate?: (key: string, value: string) => void
  /** Takes what the client is to be told besides the answer. */
  readonly warnings?: { add(message: string): void }
  readonly remoteAddress?: string
}

/**
 * One way to know a user. Answers undefined when the credentials are not of its kind, throws an Unauthorized
 * StatusError when they are of its kind and wrong. The first answer in the ordered list counts.
 */
export interface Authenticator {
  readonly name: string
  authenticate(credentials: Credentials): Promise<User | undefined>
}

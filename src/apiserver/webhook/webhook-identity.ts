/** How the API server shows a webhook who it is: by a certificate, by headers, or both. */
export interface WebhookIdentity {
  /** PEM, with its key. */
  readonly certificate?: string
  readonly key?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** Who to be for a webhook at `host:port`, a Service's being `name.namespace.svc`; undefined: nobody. */
export type IdentityFor = (target: string) => Promise<WebhookIdentity | undefined>

import type { AuthorizationFlags } from '../api-server-flags/authorization-flags.ts'
import type { OidcFlags } from '../api-server-flags/oidc-flags.ts'

/** What is meant where an operator says nothing. */
export const tokenWebhookDefaults = { version: 'v1beta1', cacheTtlMs: 120_000 } as const

/** What an operator says about who may come in and do what, by upstream's flags. Paths are absolute. */
export interface SecurityFiles {
  /** `--authentication-config`: an AuthenticationConfiguration; read again when it changes. */
  readonly authenticationConfig?: string
  /** `--authorization-config`: an AuthorizationConfiguration; read again when it changes. */
  readonly authorizationConfig?: string
  /** `--token-auth-file`: lines of `token,user,uid,"group1,group2"`. */
  readonly tokenAuthFile?: string
  /** `--authentication-token-webhook-config-file`: the kubeconfig of a server that knows tokens. */
  readonly authenticationTokenWebhookConfigFile?: string
  /** `--authentication-token-webhook-version`. Default v1beta1. */
  readonly authenticationTokenWebhookVersion?: 'v1' | 'v1beta1'
  /** `--authentication-token-webhook-cache-ttl`. Default two minutes. */
  readonly authenticationTokenWebhookCacheTtlMs?: number
  /** `--authorization-mode` and what begins with `--authorization-webhook`. */
  readonly authorization?: AuthorizationFlags
  /** `--oidc-*` */
  readonly oidc?: OidcFlags
  /** `--anonymous-auth=false` */
  readonly anonymousAuth?: boolean
}

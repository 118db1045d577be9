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
  /** `--anonymous-auth=false` */
  readonly anonymousAuth?: boolean
}

import { resolve } from 'node:path'
import type { CommandInput, Option } from '../cli/command.ts'
import { given, listFlag, usageError } from './flag-values.ts'

/** What the flags `--oidc-*` say: one issuer of tokens. */
export interface OidcFlags {
  readonly issuerUrl: string
  readonly clientId: string
  readonly caFile?: string
  readonly usernameClaim?: string
  readonly usernamePrefix?: string
  readonly groupsClaim?: string
  readonly groupsPrefix?: string
  readonly signingAlgs?: readonly string[]
  /** Claims and the values that they must have. */
  readonly requiredClaims?: Readonly<Record<string, string>>
}

/** What holds where a flag is not given. */
export const oidcDefaults = {
  usernameClaim: 'sub',
  signingAlgs: ['RS256'],
} as const satisfies Partial<OidcFlags>

/** Source of names, defaults and messages: kubernetes/pkg/kubeapiserver/options/authentication.go. */
export const oidcOptions: Readonly<Record<string, Option>> = {
  'oidc-issuer-url': { description: 'OpenID Connect issuer whose tokens tell users', value: 'URL' },
  'oidc-client-id': { description: 'For whom its tokens must be', value: 'ID' },
  'oidc-ca-file': { description: "Authority that signed its server's certificate", value: 'FILE' },
  'oidc-username-claim': { description: "Claim that is the user's name (default: sub)", value: 'CLAIM' },
  'oidc-username-prefix': {
    description: '-: none (default: the issuer and #, but for email)',
    value: 'TEXT',
  },
  'oidc-groups-claim': { description: "Claim that has the user's groups (default: none)", value: 'CLAIM' },
  'oidc-groups-prefix': { description: 'What their names begin with', value: 'TEXT' },
  'oidc-signing-algs': { description: 'How tokens may be signed (default: RS256)', value: 'ALGS' },
  'oidc-required-claim': {
    description: 'Claim that tokens must have: CLAIM=VALUE; may be repeated',
    value: 'CLAIM',
    repeats: true,
  },
}

/** Undefined where nothing is said. Throws a CliError. */
export function parseOidc(input: CommandInput): OidcFlags | undefined {
  const caFile = input.text('oidc-ca-file')
  const required = input.texts('oidc-required-claim')
  const flags = given({
    issuerUrl: input.text('oidc-issuer-url'),
    clientId: input.text('oidc-client-id'),
    caFile: caFile ? resolve(caFile) : undefined,
    usernameClaim: input.text('oidc-username-claim'),
    usernamePrefix: input.text('oidc-username-prefix'),
    groupsClaim: input.text('oidc-groups-claim'),
    groupsPrefix: input.text('oidc-groups-prefix'),
    signingAlgs: listFlag(input, 'oidc-signing-algs'),
    requiredClaims: required.length > 0 ? Object.fromEntries(required.map(parseClaim)) : undefined,
  })
  if (Object.keys(flags).length === 0) return undefined
  if (input.text('authentication-config')) {
    throw usageError('authentication-config file and oidc-* flags are mutually exclusive')
  }
  const { issuerUrl, clientId } = flags
  if (!issuerUrl || !clientId) {
    throw usageError(
      'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set',
    )
  }
  return { ...flags, issuerUrl, clientId }
}

function parseClaim(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 0) {
    throw usageError(
      `invalid argument "${text}" for "--oidc-required-claim" flag: malformed pair, expect string=string`,
    )
  }
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

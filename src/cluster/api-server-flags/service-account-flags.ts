import { resolve } from 'node:path'
import type { CommandInput, Option } from '../cli/command.ts'
import { booleanFlag, durationFlag, given, invalidFlag, listFlag, usageError } from './flag-values.ts'

/** What the flags of service accounts say. */
export interface ServiceAccountFlags {
  /** The first one signs; tokens of all of them are believed. */
  readonly issuers?: readonly string[]
  readonly apiAudiences?: readonly string[]
  readonly maxExpirationSeconds?: number
  readonly extendExpiration?: boolean
  /** Where relying parties find the keys. */
  readonly keySetUri?: string
  /** Keys, PEM, whose tokens are believed besides those of the cluster's own; absolute. */
  readonly keyFiles?: readonly string[]
}

/** Source of names and messages: kubernetes/pkg/kubeapiserver/options/authentication.go. */
export const serviceAccountOptions: Readonly<Record<string, Option>> = {
  'service-account-issuer': {
    description: "Who signs service accounts' tokens; tokens of further ones are believed, too",
    value: 'URL',
    repeats: true,
  },
  'api-audiences': {
    description: 'What such tokens must be for (default: the first issuer): NAME[,NAME...]',
    value: 'NAMES',
  },
  'service-account-max-token-expiration': {
    description: 'How long such tokens may last at most',
    value: 'DURATION',
  },
  'service-account-extend-token-expiration': {
    description: "Whether pods' tokens last a year when they are not renewed (default: true)",
    value: 'BOOL',
    bareValue: 'true',
  },
  'service-account-jwks-uri': { description: 'Where others find the keys of such tokens', value: 'URL' },
  'service-account-key-file': {
    description: "Keys whose tokens are believed besides the cluster's own",
    value: 'FILE',
    repeats: true,
  },
}

const hourMs = 3_600_000
const longestMs = 2 ** 32 * 1000

/** Undefined where nothing is said. Throws a CliError. */
export function parseServiceAccounts(input: CommandInput): ServiceAccountFlags | undefined {
  const issuers = input.texts('service-account-issuer')
  for (const [index, issuer] of issuers.entries()) checkIssuer(issuer, issuers.slice(0, index))
  const maxMs = durationFlag(input, 'service-account-max-token-expiration')
  if (maxMs !== undefined && maxMs !== 0 && (maxMs < hourMs || maxMs > longestMs)) {
    throw usageError('the service-account-max-token-expiration must be between 1 hour and 2^32 seconds')
  }
  const keyFiles = input.texts('service-account-key-file').map((file) => resolve(file))
  const flags = given({
    issuers: issuers.length > 0 ? issuers : undefined,
    apiAudiences: listFlag(input, 'api-audiences'),
    maxExpirationSeconds: maxMs ? Math.floor(maxMs / 1000) : undefined,
    extendExpiration: booleanFlag(input, 'service-account-extend-token-expiration'),
    keySetUri: keySetUri(input),
    keyFiles: keyFiles.length > 0 ? keyFiles : undefined,
  })
  return Object.keys(flags).length > 0 ? flags : undefined
}

function checkIssuer(issuer: string, before: readonly string[]): void {
  if (issuer === '') throw usageError('service-account-issuer should not be an empty string')
  if (before.includes(issuer)) throw usageError(`service-account-issuer "${issuer}" is already specified`)
  if (issuer.includes(':') && !URL.canParse(issuer)) {
    throw usageError(`service-account-issuer "${issuer}" contained a ':' but was invalid URL`)
  }
}

function keySetUri(input: CommandInput): string | undefined {
  const flag = 'service-account-jwks-uri'
  const uri = input.text(flag)
  if (!uri) return undefined
  if (!URL.canParse(uri)) throw invalidFlag(flag, uri, 'invalid URL')
  if (!uri.startsWith('https:')) throw usageError(`${flag} requires https scheme, parsed as: ${uri}`)
  return uri
}

import { resolve } from 'node:path'
import type { CommandInput, Option } from '../cli/command.ts'
import { durationFlag, given, listFlag, usageError } from './flag-values.ts'

const authorizationModes = ['AlwaysAllow', 'AlwaysDeny', 'ABAC', 'Webhook', 'RBAC', 'Node'] as const
export type AuthorizationMode = (typeof authorizationModes)[number]

/** What the flags of authorization say. Paths are absolute. */
export interface AuthorizationFlags {
  readonly modes?: readonly AuthorizationMode[]
  readonly policyFile?: string
  readonly webhookConfigFile?: string
  readonly webhookVersion?: 'v1' | 'v1beta1'
  readonly webhookCacheAuthorizedTtlMs?: number
  readonly webhookCacheUnauthorizedTtlMs?: number
}

/** What flags mean that are not given. */
export const authorizationDefaults = {
  modes: ['Node', 'RBAC'],
  webhookVersion: 'v1beta1',
  webhookCacheAuthorizedTtlMs: 300_000,
  webhookCacheUnauthorizedTtlMs: 30_000,
} as const satisfies AuthorizationFlags

/** Source of names and messages: kubernetes/pkg/kubeapiserver/options/authorization.go. */
export const authorizationOptions: Readonly<Record<string, Option>> = {
  'authorization-mode': {
    description: `Who decides what is allowed, in order: ${authorizationModes.join(',')} (default: Node,RBAC)`,
    value: 'MODES',
  },
  'authorization-policy-file': { description: 'Policies of mode ABAC: JSON, one a line', value: 'FILE' },
  'authorization-webhook-config-file': {
    description: 'Kubeconfig of the server of mode Webhook',
    value: 'FILE',
  },
  'authorization-webhook-version': {
    description: 'Of the SubjectAccessReviews that it is sent: v1, v1beta1 (default: v1beta1)',
    value: 'VERSION',
    choices: ['v1', 'v1beta1'],
  },
  'authorization-webhook-cache-authorized-ttl': {
    description: 'How long what it allows is remembered (default: 5m)',
    value: 'DURATION',
  },
  'authorization-webhook-cache-unauthorized-ttl': {
    description: 'How long what it does not allow is remembered (default: 30s)',
    value: 'DURATION',
  },
}

/** Undefined where nothing is said. Throws a CliError. */
export function parseAuthorization(input: CommandInput): AuthorizationFlags | undefined {
  const path = (flag: string) => {
    const value = input.text(flag)
    return value ? resolve(value) : undefined
  }
  const flags = given({
    modes: listFlag(input, 'authorization-mode') as readonly AuthorizationMode[] | undefined,
    policyFile: path('authorization-policy-file'),
    webhookConfigFile: path('authorization-webhook-config-file'),
    webhookVersion: input.text('authorization-webhook-version') as 'v1' | 'v1beta1' | undefined,
    webhookCacheAuthorizedTtlMs: durationFlag(input, 'authorization-webhook-cache-authorized-ttl'),
    webhookCacheUnauthorizedTtlMs: durationFlag(input, 'authorization-webhook-cache-unauthorized-ttl'),
  })
  if (Object.keys(flags).length === 0) return undefined
  if (input.text('authorization-config')) {
    throw usageError(
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
    )
  }
  checkModes(flags)
  return flags
}

function checkModes({ modes = ['Node', 'RBAC'], policyFile, webhookConfigFile }: AuthorizationFlags): void {
  if (modes.length === 0) throw usageError('at least one authorization-mode must be passed')
  const unknown = modes.find((mode) => !authorizationModes.includes(mode))
  if (unknown !== undefined) throw usageError(`authorization-mode "${unknown}" is not a valid mode`)
  if (modes.includes('ABAC') && !policyFile) {
    throw usageError("authorization-mode ABAC's authorization policy file not passed")
  }
  if (modes.includes('Webhook') && !webhookConfigFile) {
    throw usageError("authorization-mode Webhook's authorization config file not passed")
  }
  if (policyFile && !modes.includes('ABAC')) {
    throw usageError('cannot specify --authorization-policy-file without mode ABAC')
  }
  if (webhookConfigFile && !modes.includes('Webhook')) {
    throw usageError('cannot specify --authorization-webhook-config-file without mode Webhook')
  }
  if (new Set(modes).size < modes.length) {
    const quoted = modes.map((mode) => `"${mode}"`).join(' ')
    throw usageError(`authorization-mode [${quoted}] has mode specified more than once`)
  }
}

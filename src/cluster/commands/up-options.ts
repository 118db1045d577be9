import { resolve } from 'node:path'
import { admissionOptions, parseAdmission } from '../api-server-flags/admission-flags.ts'
import { parseServiceAccounts, serviceAccountOptions } from '../api-server-flags/service-account-flags.ts'
import { auditOptions, parseAudit } from '../api-server-flags/audit-flags.ts'
import { authorizationOptions, parseAuthorization } from '../api-server-flags/authorization-flags.ts'
import {
  featureGatesOption,
  parseFeatureFlag,
  parseRuntimeConfig,
  runtimeConfigOption,
} from '../api-server-flags/feature-flags.ts'
import { booleanFlag, durationFlag, given } from '../api-server-flags/flag-values.ts'
import { oidcOptions, parseOidc } from '../api-server-flags/oidc-flags.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput, Option } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { SecurityFiles } from '../security/security-files.ts'
import type { ApiServerChoice, NodeRuntime, StoreChoice } from '../state/cluster-state.ts'

export const storeOptions: Readonly<Record<string, Option>> = {
  store: {
    description: 'Where objects are kept (default: embedded)',
    value: 'STORE',
    choices: ['embedded', 'memory', 'etcd'],
  },
  'etcd-endpoints': { description: 'Of --store etcd: URL[,URL...]', value: 'URLS' },
  'etcd-prefix': {
    description: "What the cluster's keys in etcd begin with (default: /k8ts/NAME)",
    value: 'PREFIX',
  },
  'etcd-cafile': { description: "Authority that signed etcd's certificate", value: 'FILE' },
  'etcd-certfile': { description: 'Certificate to show to etcd', value: 'FILE' },
  'etcd-keyfile': { description: 'Key of that certificate', value: 'FILE' },
}

/** Who may come in and what they may do, in files. */
export const securityOptions: Readonly<Record<string, Option>> = {
  'authentication-config': {
    description:
      'AuthenticationConfiguration: token issuers, and what needs no user; read again when it changes',
    value: 'FILE',
  },
  'authorization-config': {
    description:
      'AuthorizationConfiguration: who decides what is allowed, in order; read again when it changes',
    value: 'FILE',
  },
  'token-auth-file': { description: 'Users by fixed tokens: token,user,uid,"group1,group2"', value: 'FILE' },
  'authentication-token-webhook-config-file': {
    description: 'Kubeconfig of a server that knows the users of tokens',
    value: 'FILE',
  },
  'authentication-token-webhook-version': {
    description: 'Of the TokenReviews that it is sent: v1, v1beta1 (default: v1beta1)',
    value: 'VERSION',
    choices: ['v1', 'v1beta1'],
  },
  'authentication-token-webhook-cache-ttl': {
    description: 'How long its answers are remembered (default: 2m)',
    value: 'DURATION',
  },
  'anonymous-auth': {
    description: 'Whether requests may come without a user (default: true)',
    value: 'BOOL',
    bareValue: 'true',
  },
  ...oidcOptions,
  ...authorizationOptions,
}

export const kubeletConfigOption: Readonly<Record<string, Option>> = {
  config: {
    description: 'A KubeletConfiguration (kubelet.config.k8s.io/v1beta1), as YAML or JSON',
    value: 'FILE',
  },
}

export const schedulerConfigOption: Readonly<Record<string, Option>> = {
  'scheduler-config': { description: 'A KubeSchedulerConfiguration, as YAML or JSON', value: 'FILE' },
}

/** How the API server differs from its defaults, by kube-apiserver's own options. */
export const apiServerFileOptions: Readonly<Record<string, Option>> = {
  ...auditOptions,
  ...admissionOptions,
  ...serviceAccountOptions,
  ...featureGatesOption,
  ...runtimeConfigOption,
  'encryption-provider-config': {
    description: 'EncryptionConfiguration: what of the objects is stored encrypted, and how',
    value: 'FILE',
  },
  'encryption-provider-config-automatic-reload': { description: 'Read that file again when it changes' },
}

export const upOptions: Readonly<Record<string, Option>> = {
  detach: { description: 'Return when the cluster is ready, and let it run', short: 'd' },
  nodes: { description: 'How many nodes (default: 1)', value: 'N' },
  'simulated-nodes': { description: 'How many simulated nodes beside them (default: 0)', value: 'N' },
  runtime: {
    description: 'What runs containers: containerd where this machine can, else simulated',
    value: 'RUNTIME',
    choices: ['containerd', 'simulated'],
  },
  ...storeOptions,
  ...securityOptions,
  ...apiServerFileOptions,
  ...kubeletConfigOption,
  ...schedulerConfigOption,
  port: { description: 'Port of the API server (default: 6443, else the next free one)', value: 'PORT' },
  kubeconfig: {
    description: 'Also add the cluster to this kubeconfig and make it the current one',
    value: 'FILE',
  },
  wait: {
    description: 'How long nodes may take to be ready (default: 60; 0: do not wait)',
    value: 'SECONDS',
  },
  demo: { description: 'Apply a small web Deployment with a Service and show its address' },
}

/** What `up` was told, checked. */
export interface UpOptions {
  readonly detach: boolean
  readonly demo: boolean
  readonly yes: boolean
  readonly nodes?: number
  readonly simulatedNodes?: number
  readonly runtime?: NodeRuntime
  readonly store?: StoreChoice
  readonly apiServer?: ApiServerChoice
  readonly port?: number
  readonly securityFiles?: SecurityFiles
  readonly kubeletConfig?: string
  readonly schedulerConfig?: string
  readonly kubeconfig?: string
  readonly waitSeconds: number
}

/** Real nodes have addresses in one /24. */
const mostNodes = 200
const mostSimulatedNodes = 20_000

export function parseUpOptions(input: CommandInput): UpOptions {
  const nodes = input.number('nodes', 1)
  const simulatedNodes = input.number('simulated-nodes', 0)
  const port = input.number('port', 1)
  const kubeconfig = input.text('kubeconfig')
  const runtime = input.text('runtime') as NodeRuntime | undefined
  const store = parseStore(input)
  const securityFiles = parseSecurityFiles(input)
  const [kubeletConfig, schedulerConfig] = ['config', 'scheduler-config'].map((option) => path(input, option))
  const apiServer = parseApiServer(input)
  atMost('nodes', nodes, mostNodes)
  atMost('simulated-nodes', simulatedNodes, mostSimulatedNodes)
  atMost('port', port, 65_535)
  return {
    detach: input.isSet('detach'),
    demo: input.isSet('demo'),
    yes: input.isSet('yes'),
    ...(nodes !== undefined && { nodes }),
    ...(simulatedNodes !== undefined && { simulatedNodes }),
    ...(runtime && { runtime }),
    ...(store && { store }),
    ...(apiServer && { apiServer }),
    ...(port !== undefined && { port }),
    ...(securityFiles && { securityFiles }),
    ...(kubeletConfig !== undefined && { kubeletConfig }),
    ...(schedulerConfig !== undefined && { schedulerConfig }),
    ...(kubeconfig !== undefined && { kubeconfig: resolve(kubeconfig) }),
    waitSeconds: input.number('wait', 0) ?? 60,
  }
}

/** Undefined when nothing was said: the cluster stays as it was. */
export function parseSecurityFiles(input: CommandInput): SecurityFiles | undefined {
  const files = given({
    authenticationConfig: path(input, 'authentication-config'),
    authorizationConfig: path(input, 'authorization-config'),
    tokenAuthFile: path(input, 'token-auth-file'),
    authenticationTokenWebhookConfigFile: path(input, 'authentication-token-webhook-config-file'),
    authenticationTokenWebhookVersion: input.text('authentication-token-webhook-version') as
      | 'v1'
      | 'v1beta1'
      | undefined,
    authenticationTokenWebhookCacheTtlMs: durationFlag(input, 'authentication-token-webhook-cache-ttl'),
    oidc: parseOidc(input),
    authorization: parseAuthorization(input),
    anonymousAuth: booleanFlag(input, 'anonymous-auth'),
  })
  return Object.keys(files).length > 0 ? files : undefined
}

/** A file by its whole path; no path takes a file away that was there before. */
function path(input: CommandInput, option: string): string | undefined {
  const value = input.text(option)
  return value === undefined || value === '' ? value : resolve(value)
}

/** The store that `--store` and its options name. */
export function parseStore(input: CommandInput): StoreChoice | undefined {
  const type = input.text('store') as StoreChoice['type'] | undefined
  const endpoints = input.text('etcd-endpoints')?.split(',').filter(Boolean)
  if (type !== 'etcd') {
    if (endpoints) throw new CliError('--etcd-endpoints needs --store etcd', exitCodes.usage)
    if (input.text('etcd-prefix')) throw new CliError('--etcd-prefix needs --store etcd', exitCodes.usage)
    return type && { type }
  }
  if (!endpoints?.length) throw new CliError('--store etcd needs --etcd-endpoints', exitCodes.usage)
  for (const endpoint of endpoints) {
    if (!/^https?:\/\/[^/]+$/.test(endpoint)) {
      throw new CliError(`'${endpoint}' is not the URL of an etcd: http://HOST:PORT`, exitCodes.usage)
    }
  }
  const file = (option: string) => {
    const value = input.text(option)
    return value === undefined ? undefined : resolve(value)
  }
  const prefix = input.text('etcd-prefix')?.replace(/\/+$/, '')
  if (prefix !== undefined && !/^(\/[^/\s]+)+$/.test(prefix)) {
    throw new CliError(`'${prefix}' cannot begin keys: /NAME[/NAME...]`, exitCodes.usage)
  }
  const [caFile, certFile, keyFile] = [file('etcd-cafile'), file('etcd-certfile'), file('etcd-keyfile')]
  return {
    type,
    endpoints,
    ...(prefix !== undefined && { prefix }),
    ...(caFile && { caFile }),
    ...(certFile && { certFile }),
    ...(keyFile && { keyFile }),
  }
}

export function parseApiServer(input: CommandInput): ApiServerChoice | undefined {
  const choice = given({
    encryption: parseEncryption(input),
    audit: parseAudit(input),
    admission: parseAdmission(input),
    serviceAccounts: parseServiceAccounts(input),
    featureGates: parseFeatureFlag(input),
    runtimeConfig: parseRuntimeConfig(input),
  })
  return Object.keys(choice).length > 0 ? choice : undefined
}

function parseEncryption(input: CommandInput): ApiServerChoice['encryption'] {
  const path = input.text('encryption-provider-config')
  const reloads = input.isSet('encryption-provider-config-automatic-reload')
  if (path !== undefined) return { path: resolve(path), reloads }
  if (!reloads) return undefined
  throw new CliError(
    '--encryption-provider-config-automatic-reload needs --encryption-provider-config',
    exitCodes.usage,
  )
}

function atMost(option: string, value: number | undefined, most: number): void {
  if (value !== undefined && value > most) {
    throw new CliError(`--${option} must be at most ${most}, not ${value}`, exitCodes.usage)
  }
}

import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { systemClock, type Clock } from '../machinery/clock.ts'
import { yaml } from '../machinery/yaml.ts'
import { tokenFromExec, type ExecConfig } from './http/exec-credentials.ts'
import type { HttpClientOptions } from './http/http-client.ts'

export type ConnectionOptions = Omit<HttpClientOptions, 'log' | 'userAgent'>

export interface KubeconfigOptions {
  /** Files in order of precedence. Default: $KUBECONFIG, else ~/.kube/config. */
  readonly paths?: readonly string[]
  /** Default: the current-context. */
  readonly context?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
}

export interface LoadedKubeconfig {
  readonly connection: ConnectionOptions
  /** The context's namespace; `default` when it names none. */
  readonly namespace: string
}

/** A kubeconfig that cannot be used: what is wrong, and where. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How to reach the API server from inside a pod; undefined outside of one. */
export function inClusterConnection(
  env: Readonly<Record<string, string | undefined>> = process.env,
  directory = serviceAccountDirectory,
): ConnectionOptions | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) return undefined
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caFile: join(directory, 'ca.crt'),
    tokenFile: join(directory, 'token'),
  }
}

/** Reads and merges kubeconfig files as client-go does: for each name and setting, the first file that has it counts. */
export async function loadKubeconfig(options: KubeconfigOptions = {}): Promise<LoadedKubeconfig> {
  const { env = process.env, clock = systemClock } = options
  const paths = options.paths ?? defaultPaths(env)
  const merged: Config = { clusters: new Map(), users: new Map(), contexts: new Map() }
  let found = 0
  for (const path of paths) {
    const text = await readIfPresent(path)
    if (text === undefined) continue
    found += 1
    mergeInto(merged, parse(text, path), dirname(path))
  }
  if (found === 0) throw new KubeconfigError(`no kubeconfig at ${paths.join(', ')}`)
  return resolveContext(merged, options.context, clock)
}

/** The options that one kubeconfig document says; relative paths in it are relative to `directory`. */
export function parseKubeconfig(
  text: string,
  options: { readonly context?: string; readonly directory?: string; readonly clock?: Clock } = {},
): LoadedKubeconfig {
  const merged: Config = { clusters: new Map(), users: new Map(), contexts: new Map() }
  mergeInto(merged, parse(text, 'kubeconfig'), options.directory ?? '.')
  return resolveContext(merged, options.context, options.clock ?? systemClock)
}

/** What a kubeconfig says of a user. */
export type KubeconfigUser = Pick<
  ConnectionOptions,
  'certData' | 'certFile' | 'keyData' | 'keyFile' | 'token' | 'tokenFile' | 'impersonate'
> & { readonly basic?: { readonly username: string; readonly password: string } }

/** All users of one kubeconfig document, and the one of its current context, which need not be there. */
export function parseKubeconfigUsers(
  text: string,
  { directory = '.', clock = systemClock }: { readonly directory?: string; readonly clock?: Clock } = {},
): { readonly users: ReadonlyMap<string, KubeconfigUser>; readonly current: KubeconfigUser | undefined } {
  const merged: Config = { clusters: new Map(), users: new Map(), contexts: new Map() }
  mergeInto(merged, parse(text, 'kubeconfig'), directory)
  const users = new Map(
    Array.from(merged.users, ([name, { value }]): [string, KubeconfigUser] => {
      const { username = '', password = '', ...user } = value
      const basic = username !== '' || password !== ''
      return [
        name,
        {
          ...userOptions({ value: user, directory }, clock),
          ...(basic && { basic: { username, password } }),
        },
      ]
    }),
  )
  const context = merged.contexts.get(merged.currentContext ?? '')?.value
  return { users, current: users.get(context?.user ?? '') }
}

interface RawConfig {
  readonly 'current-context'?: string
  readonly clusters?: readonly { readonly name: string; readonly cluster: RawCluster }[]
  readonly users?: readonly { readonly name: string; readonly user: RawUser | null }[]
  readonly contexts?: readonly { readonly name: string; readonly context: RawContext }[]
}

interface RawCluster {
  readonly server?: string
  readonly 'tls-server-name'?: string
  readonly 'insecure-skip-tls-verify'?: boolean
  readonly 'certificate-authority'?: string
  readonly 'certificate-authority-data'?: string
  readonly 'proxy-url'?: string
}

interface RawUser {
  readonly 'client-certificate'?: string
  readonly 'client-certificate-data'?: string
  readonly 'client-key'?: string
  readonly 'client-key-data'?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly as?: string
  readonly 'as-uid'?: string
  readonly 'as-groups'?: readonly string[]
  readonly 'as-user-extra'?: Readonly<Record<string, readonly string[]>>
  readonly username?: string
  readonly password?: string
  readonly exec?: ExecConfig
  readonly 'auth-provider'?: unknown
}

interface RawContext {
  readonly cluster?: string
  readonly user?: string
  readonly namespace?: string
}

interface Located<T> {
  readonly value: T
  readonly directory: string
}

interface Config {
  currentContext?: string
  readonly clusters: Map<string, Located<RawCluster>>
  readonly users: Map<string, Located<RawUser>>
  readonly contexts: Map<string, Located<RawContext>>
}

function defaultPaths(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '')
  return listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')]
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function parse(text: string, path: string): RawConfig {
  let document: unknown
  try {
    document = yaml().load(text)
  } catch (error) {
    throw new KubeconfigError(`${path}: not YAML`, { cause: error })
  }
  if (typeof document !== 'object' || document === null)
    throw new KubeconfigError(`${path}: not a kubeconfig`)
  return document
}

function mergeInto(merged: Config, config: RawConfig, directory: string): void {
  if (config['current-context'] && !merged.currentContext) merged.currentContext = config['current-context']
  const add = <T>(to: Map<string, Located<T>>, name: string, value: T) => {
    if (!to.has(name)) to.set(name, { value, directory })
  }
  for (const { name, cluster } of config.clusters ?? []) add(merged.clusters, name, cluster)
  for (const { name, user } of config.users ?? []) add(merged.users, name, user ?? {})
  for (const { name, context } of config.contexts ?? []) add(merged.contexts, name, context)
}

function resolveContext(config: Config, wanted: string | undefined, clock: Clock): LoadedKubeconfig {
  const name = wanted ?? config.currentContext
  if (!name) throw new KubeconfigError('no current-context is set')
  const context = config.contexts.get(name)?.value
  if (!context) throw new KubeconfigError(`context "${name}" does not exist`)
  const cluster = config.clusters.get(context.cluster ?? '')
  if (!cluster) throw new KubeconfigError(`cluster "${context.cluster}" of context "${name}" does not exist`)
  const user = config.users.get(context.user ?? '')
  if (!user && context.user)
    throw new KubeconfigError(`user "${context.user}" of context "${name}" does not exist`)
  return {
    connection: { ...clusterOptions(cluster), ...(user && userOptions(user, clock)) },
    namespace: context.namespace || 'default',
  }
}

function clusterOptions({ value: cluster, directory }: Located<RawCluster>): ConnectionOptions {
  if (!cluster.server) throw new KubeconfigError('the cluster has no server')
  if (cluster['proxy-url']) throw new KubeconfigError('proxy-url is not supported')
  const ca = pem(cluster['certificate-authority-data'])
  const caFile = inDirectory(directory, cluster['certificate-authority'])
  return {
    server: cluster.server,
    ...(ca ? { caData: ca } : caFile && { caFile }),
    ...(cluster['tls-server-name'] && { tlsServerName: cluster['tls-server-name'] }),
    ...(cluster['insecure-skip-tls-verify'] && { insecureSkipTlsVerify: true }),
  }
}

function userOptions({ value: user, directory }: Located<RawUser>, clock: Clock): Partial<ConnectionOptions> {
  if (user['auth-provider']) throw new KubeconfigError('auth-provider is not supported; use exec')
  if (user.username)
    throw new KubeconfigError('username and password are not supported by Kubernetes any more')
  const certData = pem(user['client-certificate-data'])
  const certFile = inDirectory(directory, user['client-certificate'])
  const keyData = pem(user['client-key-data'])
  const keyFile = inDirectory(directory, user['client-key'])
  const tokenFile = inDirectory(directory, user.tokenFile)
  const groups = user['as-groups']
  const extra = user['as-user-extra']
  return {
    ...(certData ? { certData } : certFile && { certFile }),
    ...(keyData ? { keyData } : keyFile && { keyFile }),
    ...tokenOptions(user, tokenFile, directory, clock),
    ...(user.as && {
      impersonate: {
        user: user.as,
        ...(user['as-uid'] && { uid: user['as-uid'] }),
        ...(groups && { groups }),
        ...(extra && { extra }),
      },
    }),
  }
}

/** As client-go: a token file wins over a token, since it is the one that is renewed. */
function tokenOptions(user: RawUser, tokenFile: string | undefined, directory: string, clock: Clock) {
  if (tokenFile) return { tokenFile }
  if (user.token) return { token: user.token }
  return user.exec ? { token: tokenFromExec(user.exec, directory, clock) } : {}
}

function pem(base64: string | undefined): string | undefined {
  return base64 ? Buffer.from(base64, 'base64').toString('utf8') : undefined
}

function inDirectory(directory: string, path: string | undefined): string | undefined {
  if (!path) return undefined
  return isAbsolute(path) ? path : join(directory, path)
}

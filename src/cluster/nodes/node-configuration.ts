import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  readConfiguration,
  readConfigurations,
  type ConfiguredOptions,
  type FieldRefusals,
} from '../../kubelet/configuration/configuration.ts'
import type { KubeletOptions } from '../../kubelet/options.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'

/** What a file may not say of a node that a cluster makes: it has given the node its place, names and certificates. */
const givenByCluster: FieldRefusals = Object.fromEntries(
  [
    'staticPodPath',
    'podLogsDir',
    'address',
    'port',
    'tlsCertFile',
    'tlsPrivateKeyFile',
    'clusterDomain',
    'clusterDNS',
    'cgroupRoot',
    'podCIDR',
    'resolvConf',
    'containerRuntimeEndpoint',
    'imageServiceEndpoint',
  ].map((field) => [field, 'the cluster gives it to its nodes']),
)

/** What the file says. Throws CliError that names the file and every mistake in it. */
export function readKubeletConfiguration(file: string, refusals: FieldRefusals = {}): ConfiguredOptions {
  try {
    return readConfiguration(readFileSync(file, 'utf8'), refusals)
  } catch (error) {
    throw new CliError(`${file}: ${(error as Error).message}`, exitCodes.usage)
  }
}

/**
 * What the file says, and over it those in the directory and below it whose names end in `.conf`, in the order of their
 * paths. Throws CliError.
 */
export function readKubeletConfigurations(
  file: string | undefined,
  directory: string | undefined,
): ConfiguredOptions | undefined {
  if (directory === undefined) return file === undefined ? undefined : readKubeletConfiguration(file)
  try {
    const dropIns = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.conf'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    const names = [...(file === undefined ? [] : [file]), ...dropIns]
    return readConfigurations(names.map((name) => ({ name, content: readFileSync(name, 'utf8') })))
  } catch (error) {
    throw new CliError((error as Error).message, exitCodes.usage)
  }
}

/** What the file says of a node that a cluster makes. Throws CliError. */
export function readNodeConfiguration(file: string): ConfiguredOptions {
  const configured = readKubeletConfiguration(file, givenByCluster)
  if (configured.server?.clientCAFile !== undefined) {
    throw new CliError(
      `${file}: authentication.x509.clientCAFile: Forbidden: the cluster gives it to its nodes`,
      exitCodes.usage,
    )
  }
  return configured
}

/** The options of a node with what the file says over them. Throws CliError. */
export function withConfiguration(options: KubeletOptions, file: string): KubeletOptions {
  const { server: own, ...rest } = options
  const { server, options: said } = readNodeConfiguration(file)
  const { authenticateTokens, authorize, tlsCipherSuites, tlsMinVersion } = server ?? {}
  return {
    ...rest,
    ...said,
    eviction: { ...options.eviction, ...said.eviction },
    imageCollection: { ...options.imageCollection, ...said.imageCollection },
    featureGates: { ...options.featureGates, ...said.featureGates },
    ...(own &&
      server && {
        server: {
          ...own,
          ...(authenticateTokens !== undefined && { authenticateTokens }),
          ...(authorize !== undefined && { authorize }),
          ...(tlsCipherSuites && { tlsCipherSuites }),
          ...(tlsMinVersion && { tlsMinVersion }),
        },
      }),
  }
}

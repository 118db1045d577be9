import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import {
  readAdmissionConfiguration,
  type PluginFiles,
} from '../../apiserver/admission/configuration/admission-configuration.ts'
import { readWebhookAdmission } from '../../apiserver/admission/configuration/webhook-admission-configuration.ts'
import { optionalPlugins } from '../../apiserver/admission/optional/optional-plugins.ts'
import type { AdmissionChoice } from '../../apiserver/admission/order.ts'
import { readPodSecurityConfiguration } from '../../apiserver/admission/pod-security/pod-security-configuration.ts'
import { readLimitedResources } from '../../apiserver/admission/resource-quota/limited-resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { AdmissionFlags } from '../api-server-flags/admission-flags.ts'
import { CliError } from '../cli/cli-error.ts'
import { kubeconfigPost } from './kubeconfig-post.ts'
import { webhookIdentities } from './webhook-identities.ts'

/** Which plugins there are, made as files say. Throws a CliError that names the file, or the plugin. */
export function loadAdmission(
  { enable, disable, configFile, notReadySeconds, unreachableSeconds }: AdmissionFlags,
  clock: Clock,
): AdmissionChoice {
  const files = configFile === undefined ? new Map<string, string>() : readFiles(configFile)
  const base = configFile === undefined ? process.cwd() : dirname(configFile)
  const podSecurity = configured(files, 'PodSecurity', readPodSecurityConfiguration)
  const limitedResources = configured(files, 'ResourceQuota', readLimitedResources)
  const webhooks = ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'].flatMap((name) => {
    const identityFor = configured(files, name, (content) => {
      const path = readWebhookAdmission(content)
      return path === '' ? undefined : webhookIdentities(path, clock)
    })
    return identityFor ? [[name, identityFor] as const] : []
  })
  const optional = optionalPlugins((path) => kubeconfigPost(resolve(base, path), clock))
  return {
    ...(enable && { enable }),
    ...(disable && { disable }),
    optional: Object.fromEntries(
      Object.entries(optional).map(([name, make]) => [name, (...args) => during(name, () => make(...args))]),
    ),
    files,
    tolerationSeconds: {
      ...(notReadySeconds !== undefined && { notReady: notReadySeconds }),
      ...(unreachableSeconds !== undefined && { unreachable: unreachableSeconds }),
    },
    ...(podSecurity && { podSecurity }),
    ...(webhooks.length > 0 && { webhookIdentities: Object.fromEntries(webhooks) }),
    ...(limitedResources && { limitedResources }),
  }
}

function readFiles(path: string): PluginFiles {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new CliError(
      `failed to read plugin config: unable to read admission control configuration from "${path}" [${(error as Error).message}]`,
    )
  }
  try {
    return readAdmissionConfiguration(content, (named) => readFileSync(resolve(dirname(path), named), 'utf8'))
  } catch (error) {
    throw new CliError(`failed to read plugin config: ${path}: ${(error as Error).message}`)
  }
}

function configured<T>(files: PluginFiles, plugin: string, read: (content: string) => T): T | undefined {
  const content = files.get(plugin)
  return content === undefined ? undefined : during(plugin, () => read(content))
}

function during<T>(plugin: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new CliError(
      `failed to initialize admission: couldn't init admission plugin "${plugin}": ${(error as Error).message}`,
    )
  }
}

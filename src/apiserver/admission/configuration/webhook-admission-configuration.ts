import { isAbsolute } from 'node:path'
import { file, text } from '../../../api/configuration/configuration-schema.ts'
import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { goQuote } from '../../../machinery/go-format.ts'

const kind = {
  group: 'apiserver.config.k8s.io',
  version: 'v1',
  kind: 'WebhookAdmissionConfiguration',
  schema: file({ kubeConfigFile: text, staticManifestsDir: text }),
}

interface WebhookAdmissionConfiguration {
  readonly kubeConfigFile?: string
  readonly staticManifestsDir?: string
}

/**
 * The kubeconfig that says as whom the webhooks of a plugin are called; `''` when there is none. Throws an Error that
 * says what is wrong. Source: k8s.io/apiserver/pkg/admission/plugin/webhook/config.
 */
export function readWebhookAdmission(content: string): string {
  const configuration = decodeConfiguration(content, [kind]) as WebhookAdmissionConfiguration
  const { kubeConfigFile = '', staticManifestsDir = '' } = configuration
  if (kubeConfigFile !== '' && !isAbsolute(kubeConfigFile)) {
    throw new Error(
      `kubeConfigFile: Invalid value: ${goQuote(kubeConfigFile)}: must be an absolute file path`,
    )
  }
  if (staticManifestsDir !== '') {
    const directory = goQuote(staticManifestsDir)
    throw new Error(
      `static webhook manifests dir ${directory} configured but ManifestBasedAdmissionControlConfig feature gate is not enabled`,
    )
  }
  return kubeConfigFile
}

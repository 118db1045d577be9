import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { anything, file, listOf, struct, text } from '../../../api/configuration/configuration-schema.ts'
import { parseYaml } from '../../../api/yaml-text.ts'

/** What `--admission-control-config-file` names says: the configuration of plugins, each as the text of its own file. */
export type PluginFiles = ReadonlyMap<string, string>

interface PluginEntry {
  readonly name?: string
  readonly path?: string
  readonly configuration?: unknown
}

const schema = file({ plugins: listOf(struct({ name: text, path: text, configuration: anything })) })
const kinds = ['v1', 'v1alpha1'].map((version) => ({
  group: version === 'v1' ? 'apiserver.config.k8s.io' : 'apiserver.k8s.io',
  version,
  kind: 'AdmissionConfiguration',
  schema,
}))

/** Plugins that were configured by a file of their own before there was an AdmissionConfiguration. */
const legacyFields = { ImagePolicyWebhook: 'imagePolicy', PodNodeSelector: 'podNodeSelectorPluginConfig' }

/**
 * Reads such a file; `readPath` reads a file that it names, relative to it. Throws an Error that says what is wrong.
 * Source: k8s.io/apiserver/pkg/admission/config.go.
 */
export function readAdmissionConfiguration(content: string, readPath: (path: string) => string): PluginFiles {
  if (isLegacy(content)) return new Map(Object.keys(legacyFields).map((plugin) => [plugin, content]))
  const { plugins = [] } = decodeConfiguration(content, kinds) as {
    readonly plugins?: readonly PluginEntry[]
  }
  const entries = plugins.flatMap(({ name = '', path = '', configuration }): [string, string][] => {
    if (configuration !== undefined && configuration !== null) return [[name, JSON.stringify(configuration)]]
    return path === '' ? [] : [[name, readPath(path)]]
  })
  // Of two configurations of a plugin the first counts.
  return new Map(entries.toReversed())
}

function isLegacy(content: string): boolean {
  let value: unknown
  try {
    value = parseYaml(content)
  } catch {
    // The decoder says what is wrong with it.
    return false
  }
  if (typeof value !== 'object' || value === null || 'kind' in value) return false
  return Object.values(legacyFields).some((field) => field in value)
}

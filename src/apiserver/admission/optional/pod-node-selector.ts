import type { Namespace } from '../../../api/generated/core.v1.ts'
import { namespaces, pods } from '../../../api/generated/resources.ts'
import { matchesEqualities, parseEqualities } from '../../../machinery/label-equalities.ts'
import { notFound } from '../../../machinery/status-errors.ts'
import { parseYaml } from '../../../api/yaml-text.ts'
import type { Objects } from '../../objects.ts'
import { plainError } from '../plain-error.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'

type Labels = Readonly<Record<string, string>>

/** Selectors as text: of namespaces that say nothing (`clusterDefaultNodeSelector`), and what each may use at most. */
export type NodeSelectors = Readonly<Record<string, string>>

const annotation = 'scheduler.alpha.kubernetes.io/node-selector'
const clusterDefault = 'clusterDefaultNodeSelector'

/** Of a file with `podNodeSelectorPluginConfig`. */
export function readNodeSelectors(content: string): NodeSelectors {
  const value = parseYaml(content) as { readonly podNodeSelectorPluginConfig?: NodeSelectors } | null
  const selectors = value?.podNodeSelectorPluginConfig ?? {}
  for (const [name, selector] of Object.entries(selectors)) {
    if (typeof selector !== 'string') throw new Error(`podNodeSelectorPluginConfig.${name}: must be a string`)
  }
  return selectors
}

/** Pods run on the nodes that their namespace says, and no others. Source: kubernetes/plugin/pkg/admission/podnodeselector. */
export function createPodNodeSelector(objects: Objects, selectors: NodeSelectors): AdmissionPlugin {
  async function namespaceSelector({ namespace }: AdmissionRequest): Promise<Labels> {
    const name = { name: namespace }
    const found = objects.get(namespaces, name) ?? (await objects.getLatest(namespaces, name))
    if (!found) throw notFound(namespaces, namespace)
    return labelsOf(selectorTextOf(found) ?? selectors[clusterDefault] ?? '')
  }

  const check = (request: AdmissionRequest, wanted: Labels) => {
    const { spec } = objectOf(request, pods)
    if (conflicts(wanted, spec?.nodeSelector ?? {})) {
      throw refused(request, 'pod node label selector conflicts with its namespace node label selector')
    }
  }

  return {
    name: 'PodNodeSelector',
    handles: (request) => isAbout(request, pods, ['CREATE']),
    async mutate(request) {
      const wanted = await namespaceSelector(request)
      check(request, wanted)
      const { spec } = objectOf(request, pods)
      if (spec) spec.nodeSelector = { ...wanted, ...spec.nodeSelector }
    },
    async validate(request) {
      check(request, await namespaceSelector(request))
      const allowed = labelsOf(selectors[request.namespace] ?? '')
      const { nodeSelector = {} } = objectOf(request, pods).spec ?? {}
      if (Object.keys(allowed).length > 0 && !matchesEqualities(nodeSelector, allowed)) {
        throw refused(request, 'pod node label selector labels conflict with its namespace whitelist')
      }
    },
  }
}

function selectorTextOf({ metadata }: Namespace): string | undefined {
  return metadata?.annotations?.[annotation]
}

function labelsOf(selector: string): Labels {
  try {
    return parseEqualities(selector)
  } catch (error) {
    throw plainError((error as Error).message)
  }
}

function conflicts(a: Labels, b: Labels): boolean {
  return Object.entries(a).some(([key, value]) => key in b && b[key] !== value)
}

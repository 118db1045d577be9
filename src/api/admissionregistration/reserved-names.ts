import { goQuote } from '../../machinery/go-format.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'

/** Names that end so are those of configurations which a server reads from files, where that feature is on. */
const reservedSuffix = '.static.k8s.io'

/** Source: kubernetes/pkg/apis/admissionregistration/validation, WarningsForStaticSuffix. */
export function reservedNameWarnings({ metadata }: KubernetesObject): string[] {
  if (!metadata?.name?.endsWith(reservedSuffix)) return []
  return [
    `metadata.name: names ending with ${goQuote(reservedSuffix)} are reserved for static manifest-based configurations ` +
      'and cannot be managed via the API',
  ]
}

import { jsonEqual } from '../../machinery/equal.ts'
import type { OwnerReference, Writable } from '../../machinery/meta.ts'

interface WithOwnerReferences {
  ownerReferences?: Writable<OwnerReference>[]
}

/** Removes owner references that stand there twice, with a warning. Source: k8s.io/apiserver/pkg/endpoints/handlers/rest.go. */
export function deduplicateOwnerReferences(
  metadata: WithOwnerReferences | undefined,
  afterMutation: boolean,
  warn: (message: string) => void,
): void {
  const references = metadata?.ownerReferences
  if (!references || references.length < 2) return
  const kept: Writable<OwnerReference>[] = []
  const duplicates: string[] = []
  for (const reference of references) {
    if (kept.some((other) => jsonEqual(other, reference))) duplicates.push(reference.uid)
    else kept.push(reference)
  }
  if (duplicates.length === 0) return
  metadata.ownerReferences = kept
  const when = afterMutation ? ' after mutating admission happens' : ''
  warn(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, ` +
      'and may reject such requests as early as 1.24; please fix your requests; ' +
      `duplicate UID(s) observed: ${duplicates.join(', ')}`,
  )
}

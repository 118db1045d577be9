import type { Pod, PodResourceClaim } from '../../api/generated/core.v1.ts'
import type { ResourceClaim, ResourceClaimTemplate } from '../../api/generated/resource.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { podClaimName, whyNotForPod } from '../../api/resource/pod-claims.ts'
import { controllerOf, ownerReferenceTo } from '../../machinery/owner.ts'

/** On a claim made from a template: the entry of spec.resourceClaims that it was made for. */
export const podClaimAnnotation = 'resource.kubernetes.io/pod-claim-name'

const maxBaseLength = 57

/** The pod runs, or may come to run. */
export function mayRun({ metadata, spec, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false
  return !metadata?.deletionTimestamp || !!spec?.nodeName
}

/** Names of the claims that exist for the pod or should: for the index of pods by claims. */
export function namedClaims(pod: Pod): readonly string[] {
  return (pod.spec?.resourceClaims ?? []).flatMap((entry) => {
    const named = podClaimName(pod, entry)
    return named.type === 'named' ? [`${pod.metadata?.namespace}/${named.name}`] : []
  })
}

export type ClaimPlan =
  | { readonly type: 'nothing' }
  /** Made before, without the pod knowing of it. */
  | { readonly type: 'found'; readonly claim: ResourceClaim }
  | { readonly type: 'create'; readonly templateName: string }
  | { readonly type: 'fault'; readonly message: string }

/** What an entry of a pod's claims asks for. `owned` are the claims that the pod is controller of. */
export function planClaim(
  pod: Pod,
  entry: PodResourceClaim,
  get: (name: string) => ResourceClaim | undefined,
  owned: readonly ResourceClaim[],
): ClaimPlan {
  const named = podClaimName(pod, entry)
  switch (named.type) {
    case 'notNeeded':
      return { type: 'nothing' }
    case 'unknown':
      return { type: 'fault', message: `checking for claim before creating it: ${named.reason}` }
    case 'named': {
      const claim = get(named.name)
      if (claim && !(named.isGenerated && whyNotForPod(claim, pod))) return { type: 'nothing' }
      break
    }
    case 'notCreated':
      break
  }
  if (entry.resourceClaimTemplateName === undefined) return { type: 'nothing' }
  const claim = owned.find(({ metadata }) => metadata?.annotations?.[podClaimAnnotation] === entry.name)
  return claim ? { type: 'found', claim } : { type: 'create', templateName: entry.resourceClaimTemplateName }
}

/** A claim for this pod alone. */
export function claimFromTemplate(
  pod: Pod,
  entry: PodResourceClaim,
  { spec: template }: ResourceClaimTemplate,
): ResourceClaim {
  const { annotations, labels } = template.metadata ?? {}
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      namespace: pod.metadata?.namespace ?? '',
      generateName: generatedBase(pod.metadata?.name ?? '', entry.name),
      ownerReferences: [ownerReferenceTo(pod, pods)],
      annotations: { ...annotations, [podClaimAnnotation]: entry.name },
      ...(labels && { labels }),
    },
    spec: template.spec,
  }
}

/** Both names are shortened by their share, so that something of each is left. */
function generatedBase(podName: string, entryName: string): string {
  const base = `${podName}-${entryName}-`
  if (base.length <= maxBaseLength) return base
  const shorten = (name: string) => name.slice(0, Math.floor((name.length * maxBaseLength) / base.length))
  return `${shorten(podName)}-${shorten(entryName)}`
}

/** The pod that the claim was made for. */
export function owningPod(claim: ResourceClaim): { readonly name: string; readonly uid: string } | undefined {
  const owner = controllerOf(claim)
  return owner?.kind === 'Pod' && owner.apiVersion === 'v1' ? owner : undefined
}

import { nodes, pods, secrets, serviceAccounts } from '../../../api/generated/resources.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Objects } from '../../objects.ts'
import type { BoundReference, ServiceAccountClaims } from './claims.ts'

/** A deleted object's tokens live on this long, so that a pod can clean up while it ends. */
const deletionLeewayMs = 60_000

/** What stands under the names that a token is bound to. */
export interface BoundObjects {
  readonly serviceAccount: KubernetesObject | undefined
  readonly secret: KubernetesObject | undefined
  readonly pod: KubernetesObject | undefined
  readonly node: KubernetesObject | undefined
}

/** From the caches: no wait, but perhaps a moment behind another server's writes. */
export function cachedBoundObjects(claims: ServiceAccountClaims, objects: Objects): BoundObjects {
  const { namespace, serviceAccount, secret, pod, node } = claims
  return {
    serviceAccount: objects.get(serviceAccounts, { namespace, name: serviceAccount.name }),
    secret: secret && objects.get(secrets, { namespace, name: secret.name }),
    pod: pod && objects.get(pods, { namespace, name: pod.name }),
    node: node && objects.get(nodes, { name: node.name }),
  }
}

/** From the store, as of now. */
export async function latestBoundObjects(
  claims: ServiceAccountClaims,
  objects: Objects,
): Promise<BoundObjects> {
  const { namespace, serviceAccount, secret, pod, node } = claims
  const [account, boundSecret, boundPod, boundNode] = await Promise.all([
    objects.getLatest(serviceAccounts, { namespace, name: serviceAccount.name }),
    secret && objects.getLatest(secrets, { namespace, name: secret.name }),
    pod && objects.getLatest(pods, { namespace, name: pod.name }),
    node && objects.getLatest(nodes, { name: node.name }),
  ])
  return { serviceAccount: account, secret: boundSecret, pod: boundPod, node: boundNode }
}

/** Servers' clocks differ: a token counts this much earlier and later than it says. */
const clockLeewayMs = 60_000

/** Whether the token's time has come and not passed. */
export function periodFault(
  { issuedAt, notBefore, expiresAt }: ServiceAccountClaims,
  nowMs: number,
): string | undefined {
  const latest = (nowMs + clockLeewayMs) / 1000
  if (latest < notBefore) return 'service account token is not valid yet'
  if ((nowMs - clockLeewayMs) / 1000 > expiresAt) return 'service account token has expired'
  return latest < issuedAt
    ? 'service account token claims could not be validated due to unexpected validation error'
    : undefined
}

/**
 * Why a token is worth nothing because of what it is bound to, or undefined.
 * Source: kubernetes/pkg/serviceaccount/claims.go.
 */
export function boundFault(
  claims: ServiceAccountClaims,
  bound: BoundObjects,
  nowMs: number,
): string | undefined {
  const { namespace, serviceAccount, secret, pod, node } = claims
  const accountState = stateOf(bound.serviceAccount, serviceAccount, nowMs)
  if (accountState === 'missing') return `serviceaccounts "${serviceAccount.name}" not found`
  if (accountState === 'deleted') {
    return `service account ${namespace}/${serviceAccount.name} has been deleted`
  }
  if (accountState === 'replaced') {
    return `service account UID (${uidOf(bound.serviceAccount)}) does not match claim (${serviceAccount.uid})`
  }
  // The node of a pod is information only: such a token ends with the pod.
  return (
    referenceFault('secret', secret, bound.secret, nowMs) ??
    referenceFault('pod', pod, bound.pod, nowMs) ??
    referenceFault('node', pod ? undefined : node, bound.node, nowMs)
  )
}

function referenceFault(
  kind: string,
  reference: BoundReference | undefined,
  object: KubernetesObject | undefined,
  nowMs: number,
): string | undefined {
  if (!reference) return undefined
  switch (stateOf(object, reference, nowMs)) {
    case 'valid':
      return undefined
    case 'missing':
    case 'deleted':
      return 'service account token has been invalidated'
    case 'replaced':
      return `${kind} UID (${uidOf(object)}) does not match service account ${kind} ref claim (${reference.uid})`
  }
}

function stateOf(
  object: KubernetesObject | undefined,
  reference: BoundReference,
  nowMs: number,
): 'valid' | 'missing' | 'deleted' | 'replaced' {
  if (!object) return 'missing'
  const { deletionTimestamp } = object.metadata ?? {}
  if (deletionTimestamp && Date.parse(deletionTimestamp) < nowMs - deletionLeewayMs) return 'deleted'
  return uidOf(object) === reference.uid ? 'valid' : 'replaced'
}

function uidOf(object: KubernetesObject | undefined): string {
  return object?.metadata?.uid ?? ''
}

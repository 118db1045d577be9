import type { JsonValue, KubernetesObject } from '../../../machinery/meta.ts'
import type { Claims } from '../../../machinery/pki/json-web-token.ts'
import type { User } from '../authenticator.ts'
import {
  credentialIdKey,
  nodeNameKey,
  nodeUidKey,
  podNameKey,
  podUidKey,
  serviceAccountGroups,
  serviceAccountUsername,
} from '../known-users.ts'

/** An object that a token depends on: gone, or another of the same name, and the token is worth nothing. */
export interface BoundReference {
  readonly name: string
  /** Absent only for the node of a pod, when the node did not exist as the token was made. */
  readonly uid?: string
}

/** What a service-account token says. Source: kubernetes/pkg/serviceaccount/claims.go. */
export interface ServiceAccountClaims {
  readonly id: string
  readonly audiences: readonly string[]
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly notBefore: number
  readonly expiresAt: number
  readonly namespace: string
  readonly serviceAccount: BoundReference
  readonly pod?: BoundReference
  readonly secret?: BoundReference
  readonly node?: BoundReference
  /** From here on a client should have asked for a new token; seconds since the epoch. */
  readonly warnAfter?: number
}

/** The claims as JSON, with `issuer`. */
export function encodeClaims(claims: ServiceAccountClaims, issuer: string): Claims {
  const { namespace, serviceAccount, pod, secret, node, warnAfter } = claims
  return {
    aud: claims.audiences,
    exp: claims.expiresAt,
    iat: claims.issuedAt,
    iss: issuer,
    jti: claims.id,
    'kubernetes.io': {
      namespace,
      ...(node && { node: { ...node } }),
      ...(pod && { pod: { ...pod } }),
      ...(secret && { secret: { ...secret } }),
      serviceaccount: { ...serviceAccount },
      ...(warnAfter !== undefined && { warnafter: warnAfter }),
    },
    nbf: claims.notBefore,
    sub: serviceAccountUsername(namespace, serviceAccount.name),
  }
}

/** Undefined when a claim that must be there is missing or of another type. */
export function decodeClaims(claims: Claims): ServiceAccountClaims | undefined {
  const own = recordOf(claims['kubernetes.io'])
  const namespace = own?.['namespace']
  const serviceAccount = referenceOf(own?.['serviceaccount'])
  const { exp, iat, nbf, jti } = claims
  if (typeof namespace !== 'string' || !serviceAccount || typeof exp !== 'number') return undefined
  const pod = referenceOf(own?.['pod'])
  const secret = referenceOf(own?.['secret'])
  const node = referenceOf(own?.['node'])
  const warnAfter = own?.['warnafter']
  return {
    id: typeof jti === 'string' ? jti : '',
    audiences: stringsOf(claims['aud']),
    issuedAt: typeof iat === 'number' ? iat : 0,
    notBefore: typeof nbf === 'number' ? nbf : 0,
    expiresAt: exp,
    namespace,
    serviceAccount,
    ...(pod && { pod }),
    ...(secret && { secret }),
    ...(node && { node }),
    ...(typeof warnAfter === 'number' && { warnAfter }),
  }
}

/** The user whom the claims describe. */
export function userOfClaims({ namespace, serviceAccount, pod, node, id }: ServiceAccountClaims): User {
  return {
    name: serviceAccountUsername(namespace, serviceAccount.name),
    ...(serviceAccount.uid && { uid: serviceAccount.uid }),
    groups: serviceAccountGroups(namespace),
    extra: {
      ...(id !== '' && { [credentialIdKey]: [`JTI=${id}`] }),
      ...(node && { [nodeNameKey]: [node.name] }),
      ...(node?.uid && { [nodeUidKey]: [node.uid] }),
      ...(pod?.uid && { [podNameKey]: [pod.name], [podUidKey]: [pod.uid] }),
    },
  }
}

/** The reference to an object that exists. */
export function referenceTo(object: KubernetesObject): BoundReference {
  const { name = '', uid } = object.metadata ?? {}
  return { name, ...(uid && { uid }) }
}

/** A claim that may be one string or a list of them. */
function stringsOf(value: JsonValue | undefined): readonly string[] {
  return [value ?? []].flat().filter((item) => typeof item === 'string')
}

function recordOf(value: JsonValue | undefined): Claims | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined
}

function referenceOf(value: JsonValue | undefined): BoundReference | undefined {
  const record = recordOf(value)
  const name = record?.['name']
  const uid = record?.['uid']
  if (typeof name !== 'string') return undefined
  return { name, ...(typeof uid === 'string' && { uid }) }
}

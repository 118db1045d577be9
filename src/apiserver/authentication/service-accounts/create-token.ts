import { randomUUID } from 'node:crypto'
import type { TokenRequest } from '../../../api/generated/authentication.v1.ts'
import type { ServiceAccount } from '../../../api/generated/core.v1.ts'
import { nodes, pods, secrets, serviceAccounts } from '../../../api/generated/resources.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { invalid as invalidField, type FieldError } from '../../../machinery/field-error.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { signToken } from '../../../machinery/pki/json-web-token.ts'
import type { ObjectName, Resource } from '../../../machinery/resource.ts'
import { badRequest, conflict, invalid, notFound } from '../../../machinery/status-errors.ts'
import { formatTime } from '../../../machinery/time.ts'
import type { Objects } from '../../objects.ts'
import { encodeClaims, referenceTo, type BoundReference, type ServiceAccountClaims } from './claims.ts'
import type { TokenKeys } from './token-keys.ts'

/** How a server makes tokens. */
export interface TokenIssuerConfiguration {
  readonly objects: Objects
  readonly clock: Clock
  readonly issuer: string
  readonly keys: TokenKeys
  /** What a token is for when the request names no audience. */
  readonly apiAudiences: readonly string[]
  /** Longer wishes are shortened, with a warning. */
  readonly maxExpirationSeconds?: number
  /**
   * Gives pods' ordinary tokens a year, so that clients which never read a renewed token go on working; the answer
   * still says 3607 seconds. Upstream's --service-account-extend-token-expiration.
   */
  readonly extendExpiration: boolean
}

export interface CreateTokenOptions {
  /** Adds a Warning header to the answer. */
  warn(message: string): void
  /** Adds an annotation to the audit event, where events are kept. */
  annotate?(key: string, value: string): void
}

const tokenRequest = 'TokenRequest.authentication.k8s.io'
const defaultExpirationSeconds = 3600
const minExpirationSeconds = 600
const longestExpirationSeconds = 2 ** 32
/** The expiry that the ServiceAccount admission plugin writes, and by which its tokens are recognised. */
export const podTokenExpirationSeconds = 3607
const extendedExpirationSeconds = 365 * 24 * 3600

/**
 * Answers `create` on serviceaccounts/token, after admission: the request with a token in its status. Throws Invalid,
 * NotFound, Conflict or BadRequest as upstream does.
 * Source: kubernetes/pkg/registry/core/serviceaccount/storage/token.go.
 */
export async function createServiceAccountToken(
  configuration: TokenIssuerConfiguration,
  name: ObjectName,
  request: TokenRequest,
  { warn, annotate }: CreateTokenOptions,
): Promise<TokenRequest> {
  const { objects, clock, keys } = configuration
  const account = await objects.getLatest(serviceAccounts, name)
  if (!account) throw notFound('serviceaccounts', name.name)
  checkMetadata(request, account)

  const audiences = request.spec?.audiences?.length ? request.spec.audiences : configuration.apiAudiences
  const wishedSeconds = request.spec?.expirationSeconds ?? defaultExpirationSeconds
  const errors = validateExpiration(wishedSeconds)
  if (errors.length > 0) throw invalid(tokenRequest, '', errors)
  const bound = await findBoundObjects(objects, account, request)
  const expirationSeconds = shorten(wishedSeconds, configuration.maxExpirationSeconds, warn)

  const issuedAt = Math.floor(clock.now() / 1000)
  const isPodToken =
    configuration.extendExpiration &&
    bound.pod !== undefined &&
    expirationSeconds === podTokenExpirationSeconds &&
    audiences.every((audience) => configuration.apiAudiences.includes(audience))
  const claims: ServiceAccountClaims = {
    id: randomUUID(),
    audiences,
    issuedAt,
    notBefore: issuedAt,
    expiresAt: issuedAt + (isPodToken ? extendedExpirationSeconds : expirationSeconds),
    namespace: account.metadata?.namespace ?? '',
    serviceAccount: referenceTo(account),
    ...bound,
    ...(isPodToken && { warnAfter: issuedAt + expirationSeconds }),
  }
  annotate?.('authentication.kubernetes.io/issued-credential-id', `JTI=${claims.id}`)
  return {
    ...request,
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {
      name: name.name,
      ...(name.namespace && { namespace: name.namespace }),
      ...request.metadata,
      ...(account.metadata?.uid && { uid: account.metadata.uid }),
      creationTimestamp: formatTime(issuedAt * 1000),
    },
    spec: { ...request.spec, audiences, expirationSeconds },
    status: {
      token: signToken(encodeClaims(claims, configuration.issuer), keys.privateKey, keys.signing.id),
      expirationTimestamp: formatTime((issuedAt + expirationSeconds) * 1000),
    },
  }
}

/** A request may repeat the account's name, namespace and uid, and nothing else. */
function checkMetadata({ metadata }: TokenRequest, account: ServiceAccount): void {
  const { name = '', namespace = '', uid } = account.metadata ?? {}
  if (metadata?.name && metadata.name !== name) {
    const detail = 'must match the service account name if specified'
    throw invalid(tokenRequest, name, [invalidField('metadata.name', metadata.name, detail)])
  }
  if (metadata?.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (metadata?.uid && metadata.uid !== uid) {
    throw conflict(
      tokenRequest,
      name,
      `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`,
    )
  }
}

function validateExpiration(seconds: number): readonly FieldError[] {
  const field = 'spec.expirationSeconds'
  const errors: FieldError[] = []
  if (seconds < minExpirationSeconds) {
    errors.push(invalidField(field, seconds, 'may not specify a duration less than 10 minutes'))
  }
  if (seconds > longestExpirationSeconds) {
    errors.push(invalidField(field, seconds, 'may not specify a duration larger than 2^32 seconds'))
  }
  return errors
}

function shorten(seconds: number, maximum: number | undefined, warn: (message: string) => void): number {
  if (!maximum || seconds <= maximum) return seconds
  warn(`requested expiration of ${seconds} seconds shortened to ${maximum} seconds`)
  return maximum
}

interface BoundObjects {
  readonly pod?: BoundReference
  readonly node?: BoundReference
  readonly secret?: BoundReference
}

async function findBoundObjects(
  objects: Objects,
  account: ServiceAccount,
  request: TokenRequest,
): Promise<BoundObjects> {
  const reference = request.spec?.boundObjectRef
  if (!reference) return {}
  const { namespace = '', name: accountName } = account.metadata ?? {}
  const { apiVersion = '', kind = '', name = '' } = reference

  const find = async <T extends KubernetesObject>(resource: Resource<T>): Promise<T> => {
    const found = await objects.getLatest(resource, resource.namespaced ? { namespace, name } : { name })
    if (!found) throw notFound(resource, name)
    const uid = found.metadata?.uid
    if (reference.uid && reference.uid !== uid) {
      throw conflict(
        resource.kind,
        name,
        `the UID in the bound object reference (${reference.uid}) does not match the UID in record. ` +
          'The object might have been deleted and then recreated',
      )
    }
    return found
  }

  switch (`${apiVersion}/${kind}`) {
    case 'v1/Pod': {
      const pod = await find(pods)
      if (pod.spec?.serviceAccountName !== accountName) {
        throw badRequest(
          `cannot bind token for serviceaccount "${accountName}" to pod running with different serviceaccount name.`,
        )
      }
      const nodeName = pod.spec?.nodeName
      if (!nodeName) return { pod: referenceTo(pod) }
      const node = objects.get(nodes, { name: nodeName })
      return { pod: referenceTo(pod), node: node ? referenceTo(node) : { name: nodeName } }
    }
    case 'v1/Node':
      return { node: referenceTo(await find(nodes)) }
    case 'v1/Secret':
      return { secret: referenceTo(await find(secrets)) }
    default:
      throw badRequest(`cannot bind token to object of type ${goGroupVersionKind(apiVersion, kind)}`)
  }
}

/** `apps/v1, Kind=Deployment`, `/v1, Kind=ConfigMap`: how Go prints a GroupVersionKind. */
function goGroupVersionKind(apiVersion: string, kind: string): string {
  return `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`
}

import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { TokenReview } from '../../../src/api/generated/authentication.v1.ts'
import type { SubjectAccessReview } from '../../../src/api/generated/authorization.v1.ts'
import type { ConfigMap } from '../../../src/api/generated/core.v1.ts'
import { askCluster } from './in-cluster.ts'

export interface Requestor {
  readonly name: string
  readonly groups: readonly string[]
}

const configMapPath = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication'
let data: Readonly<Record<string, string>> | undefined

/** Who sends a request, as the cluster tells API servers beside it to find out; undefined when nobody known. */
export async function authenticate(request: IncomingMessage): Promise<Requestor | undefined> {
  data ??= (await askCluster<ConfigMap>('GET', configMapPath)).data ?? {}
  const peer = (request.socket as TLSSocket).getPeerX509Certificate()
  if (peer) {
    const isFrom = (authority: string | undefined) =>
      authority !== undefined && peer.verify(new X509Certificate(authority).publicKey)
    const names = JSON.parse(data['requestheader-allowed-names'] ?? '[]') as string[]
    const common = /^CN=(.*)$/m.exec(peer.subject)?.[1] ?? ''
    const [userHeader = ''] = JSON.parse(data['requestheader-username-headers'] ?? '[]') as string[]
    const [groupHeader = ''] = JSON.parse(data['requestheader-group-headers'] ?? '[]') as string[]
    const name = request.headers[userHeader.toLowerCase()]
    if (
      isFrom(data['requestheader-client-ca-file']) &&
      (names.length === 0 || names.includes(common)) &&
      typeof name === 'string'
    ) {
      return { name, groups: request.headersDistinct[groupHeader.toLowerCase()] ?? [] }
    }
  }
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return undefined
  const review = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token } }
  const { status } = await askCluster<TokenReview>(
    'POST',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    review,
  )
  const { username = '', groups = [] } = status?.user ?? {}
  return status?.authenticated ? { name: username, groups } : undefined
}

/** Whether the cluster's rules let somebody do this. */
export async function mayDo(
  { name, groups }: Requestor,
  resourceAttributes: NonNullable<SubjectAccessReview['spec']['resourceAttributes']>,
): Promise<boolean> {
  const { status } = await askCluster<SubjectAccessReview>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      kind: 'SubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { user: name, groups, resourceAttributes },
    },
  )
  return status?.allowed ?? false
}

import { nodeComponentGroup, nodeComponentUser, type NodeComponent } from '../../api/node/node-components.ts'
import type { CertificateAuthority, IssuedCertificate } from '../../machinery/pki/certificate.ts'
import {
  ensureAuthority,
  ensureCertificate,
  ensureKeyPair,
  type WantedCertificate,
} from './ensure-certificate.ts'
import type { PemStore } from './pem-store.ts'

/** The authorities and certificates of a control plane. Source: kubernetes.io, "PKI certificates and requirements". */
export interface ClusterPki {
  readonly authority: CertificateAuthority
  readonly frontProxyAuthority: CertificateAuthority
  /** What the API server shows. */
  readonly apiServer: IssuedCertificate
  /** What the API server shows to kubelets. */
  readonly kubeletClient: IssuedCertificate
  /** What the API server shows to aggregated API servers. */
  readonly frontProxyClient: IssuedCertificate
  readonly serviceAccount: { readonly privateKeyPem: string; readonly publicKeyPem: string }
  /** The certificate of one who speaks to the API server. */
  client(identity: ClientIdentity): IssuedCertificate
  /** What the kubelet of a node shows. */
  kubeletServer(node: string, addresses: readonly string[]): IssuedCertificate
  /**
   * Makes anew, long before its time, what is about to expire at `now` (milliseconds since the epoch); what is asked for
   * later is judged by that time too.
   */
  renew(now: number): void
}

/** Who speaks to the API server, and the name of the files that prove it. */
export interface ClientIdentity {
  readonly file: string
  readonly user: string
  readonly groups: readonly string[]
}

export const adminIdentity: ClientIdentity = {
  file: 'admin',
  user: 'kubernetes-admin',
  groups: ['system:masters'],
}
/** Fills the caches of all controllers; each acts as its own service account. */
export const controllerManagerIdentity: ClientIdentity = {
  file: 'controller-manager',
  user: 'system:kube-controller-manager',
  groups: [],
}
export const schedulerIdentity: ClientIdentity = {
  file: 'scheduler',
  user: 'system:kube-scheduler',
  groups: [],
}
export const proxyIdentity: ClientIdentity = { file: 'kube-proxy', user: 'system:kube-proxy', groups: [] }
export const dnsIdentity: ClientIdentity = serviceAccountIdentity('coredns')
export const localPathIdentity: ClientIdentity = serviceAccountIdentity('local-path-provisioner')

/** A component of a node's process, on this node. `file`: how its certificate is kept. */
export function nodeComponentIdentity(
  component: NodeComponent,
  node: string,
  file = `${component}-${node}`,
): ClientIdentity {
  return { file, user: nodeComponentUser(component, node), groups: [nodeComponentGroup(component)] }
}

/** A service account in kube-system. */
export function serviceAccountIdentity(name: string): ClientIdentity {
  return {
    file: name,
    user: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system'],
  }
}

export function nodeIdentity(node: string): ClientIdentity {
  return { file: `kubelet-${node}`, user: `system:node:${node}`, groups: ['system:nodes'] }
}

/** Names and addresses under which the API server is reached. */
export interface ApiServerNames {
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
}

/** The names that pods use, and those of this machine. */
export function apiServerNames(
  serviceAddress: string,
  addresses: readonly string[],
  hostName: string,
): ApiServerNames {
  return {
    dnsNames: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'localhost',
      // A host name may be anything; a certificate takes only what DNS does.
      ...(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i.test(hostName) ? [hostName.toLowerCase()] : []),
    ],
    ipAddresses: [...new Set([serviceAddress, '127.0.0.1', '::1', ...addresses])],
  }
}

/** All of it, from the store where it is there and still good. `now` in milliseconds since the epoch. */
export function ensureClusterPki(store: PemStore, names: ApiServerNames, now: number): ClusterPki {
  const authority = ensureAuthority(store, 'ca', 'kubernetes', now)
  const frontProxyAuthority = ensureAuthority(store, 'front-proxy-ca', 'front-proxy-ca', now)
  const serviceAccount = ensureKeyPair(store, 'sa')
  let latest = now
  const issue = (file: string, wanted: WantedCertificate, by = authority) =>
    ensureCertificate(store, file, by, wanted, latest)
  const issueOwn = () => ({
    apiServer: issue('apiserver', { commonName: 'kube-apiserver', ...names, usage: 'server' }),
    kubeletClient: issue('apiserver-kubelet-client', {
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      usage: 'client',
    }),
    frontProxyClient: issue(
      'front-proxy-client',
      { commonName: 'front-proxy-client', usage: 'client' },
      frontProxyAuthority,
    ),
  })
  let own = issueOwn()
  return {
    authority,
    frontProxyAuthority,
    serviceAccount,
    get apiServer() {
      return own.apiServer
    },
    get kubeletClient() {
      return own.kubeletClient
    },
    get frontProxyClient() {
      return own.frontProxyClient
    },
    client: ({ file, user, groups }) =>
      issue(file, { commonName: user, organizations: groups, usage: 'client' }),
    kubeletServer: (node, addresses) =>
      issue(`kubelet-server-${node}`, {
        commonName: `system:node:${node}`,
        organizations: ['system:nodes'],
        dnsNames: [node],
        ipAddresses: addresses,
        usage: 'server',
      }),
    renew(at) {
      latest = at
      own = issueOwn()
    },
  }
}

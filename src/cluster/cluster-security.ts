import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { AdmissionChoice } from '../apiserver/admission/order.ts'
import type { Security, SecurityParts } from '../apiserver/api-server.ts'
import { createTokenKeys } from '../apiserver/authentication/service-accounts/token-keys.ts'
import type { Objects } from '../apiserver/objects.ts'
import { createSecurity } from '../apiserver/security.ts'
import type { Clock } from '../machinery/clock.ts'
import type { FeatureGates } from '../machinery/feature-gates.ts'
import type { Logger } from '../machinery/log.ts'
import type { Random } from '../machinery/random.ts'
import type { ServiceAccountFlags } from './api-server-flags/service-account-flags.ts'
import type { LoadedSecurity } from './security/load-security.ts'
import { readTokenKeys } from './security/read-token-keys.ts'
import type { ClusterPki } from './pki/cluster-pki.ts'

export const serviceAccountIssuer = 'https://kubernetes.default.svc.cluster.local'

export interface ClusterSecurityOptions {
  readonly pki: ClusterPki
  /** `https://HOST:PORT`, as relying parties reach the server. */
  readonly server: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly admission?: AdmissionChoice | undefined
  readonly featureGates?: FeatureGates
  readonly serviceAccounts?: ServiceAccountFlags | undefined
  /** What the operator's files add. */
  readonly loaded?: LoadedSecurity
}

/** Who may come in and what they may do, as kubeadm sets a cluster up. */
export function clusterSecurity(
  options: ClusterSecurityOptions,
): (objects: Objects, parts: SecurityParts) => Security {
  const { pki, server, clock, random, log, loaded, admission, serviceAccounts = {} } = options
  const { keyFiles = [], ...chosen } = serviceAccounts
  const otherKeys = keyFiles.flatMap(readTokenKeys)
  const clientAuthorities = [new X509Certificate(pki.authority.certificatePem)]
  const frontProxyAuthorities = [new X509Certificate(pki.frontProxyAuthority.certificatePem)]
  return (objects, parts) =>
    createSecurity(objects, {
      parts,
      ...loaded?.configuration,
      ...(admission && { admission }),
      ...(options.featureGates && { featureGates: options.featureGates }),
      clock,
      random,
      clientAuthorities: () => clientAuthorities,
      frontProxy: {
        authorities: () => frontProxyAuthorities,
        allowedNames: ['front-proxy-client'],
        usernameHeaders: ['x-remote-user'],
        uidHeaders: ['x-remote-uid'],
        groupHeaders: ['x-remote-group'],
        extraHeaderPrefixes: ['x-remote-extra-'],
      },
      serviceAccounts: {
        issuers: [serviceAccountIssuer],
        keySetUri: `${server}/openid/v1/jwks`,
        ...chosen,
        keys: createTokenKeys(createPrivateKey(pki.serviceAccount.privateKeyPem), otherKeys),
      },
      onBackgroundError: (error) => log.warn('tracking a token failed', { error }),
    })
}

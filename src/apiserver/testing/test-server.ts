import { builtInDefinitions } from '../../api/registry.ts'
import type { Flags } from '../../api/zpages/flagz.ts'
import type { ResourceDefinition } from '../../api/definition.ts'
import { systemClock, type Clock } from '../../machinery/clock.ts'
import { silentLogger, type Logger } from '../../machinery/log.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { seededRandom } from '../../machinery/random.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import type { Store } from '../../store/store.ts'
import type { AuditOptions } from '../audit/auditor.ts'
import type { AdmissionPlugin } from '../admission/plugin.ts'
import { startApiServer, type ApiServer, type SecurityParts } from '../api-server.ts'
import type { User } from '../authentication/authenticator.ts'
import { createBearerTokenAuthenticator } from '../authentication/bearer-token.ts'
import { createStaticTokenAuthenticator } from '../authentication/static-tokens.ts'
import { createRequestAuthenticator } from '../authentication/union.ts'
import { alwaysAllow } from '../authorization/always-allow.ts'
import type { MaxInFlight } from '../http/max-in-flight.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { TlsIdentity } from '../connect/backend.ts'
import type { Objects } from '../objects.ts'

export interface TestServerOptions {
  readonly definitions?: readonly ResourceDefinition[]
  /** Plugins, or what makes them of the server's parts. */
  readonly admission?:
    | readonly AdmissionPlugin[]
    | ((objects: Objects, parts: SecurityParts) => readonly AdmissionPlugin[])
  readonly authorizer?: Authorizer
  readonly kubeletClient?: TlsIdentity
  readonly frontProxyClient?: TlsIdentity
  /** Other servers use the store, too; this one is reached there. */
  readonly advertiseAddress?: string
  readonly store?: Store
  readonly clock?: Clock
  readonly log?: Logger
  readonly maxInFlight?: MaxInFlight
  readonly priorityAndFairness?: boolean
  readonly audit?: AuditOptions
  readonly flags?: Flags
  readonly shutdownDelayMs?: number
  /** Who has the token. Default: testUser. */
  readonly user?: User
}

export interface TestServer extends AsyncDisposable {
  readonly server: ApiServer
  readonly store: Store
  /** PEM. */
  readonly certificateAuthority: string
  /** `https://127.0.0.1:PORT` */
  readonly url: string
}

export const testUser: User = { name: 'tester', groups: ['system:masters', 'system:authenticated'] }
/** The token that testUser has. */
export const testToken = 'tester-token'

/** An API server over a store in memory, on a free port of this machine, that lets everybody do everything. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { clock = systemClock, log = silentLogger, authorizer = alwaysAllow, flags } = options
  const store = options.store ?? new MemoryStore({ clock, log })
  const authority = createCertificateAuthority({ commonName: 'test', now: systemClock.now() })
  const certificate = issueCertificate(authority, {
    commonName: 'kube-apiserver',
    names: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
    usages: ['server auth', 'digital signature'],
    now: systemClock.now(),
  })
  const tokens = [createStaticTokenAuthenticator([{ token: testToken, user: options.user ?? testUser }])]
  const server = await startApiServer({
    store,
    definitions: options.definitions ?? builtInDefinitions,
    security: (objects, parts) => ({
      authenticator: createRequestAuthenticator(
        [createBearerTokenAuthenticator(() => tokens, ['test'])],
        () => ({
          enabled: true,
        }),
      ),
      authorizer,
      admission:
        typeof options.admission === 'function'
          ? options.admission(objects, parts)
          : (options.admission ?? []),
    }),
    tls: { certificate: certificate.certificatePem, key: certificate.privateKeyPem },
    ...(options.shutdownDelayMs && { shutdownDelayMs: options.shutdownDelayMs }),
    ...(options.priorityAndFairness !== undefined && { priorityAndFairness: options.priorityAndFairness }),
    ...(options.audit && { audit: options.audit }),
    ...(flags && { flags: () => Promise.resolve(flags) }),
    ...(options.maxInFlight && { maxInFlight: options.maxInFlight }),
    ...(options.kubeletClient && { kubeletClient: options.kubeletClient }),
    ...(options.frontProxyClient && { frontProxyClient: options.frontProxyClient }),
    ...(options.advertiseAddress && { advertiseAddress: options.advertiseAddress, sharesStore: true }),
    address: '127.0.0.1',
    port: 0,
    serviceCidrs: ['10.96.0.0/16'],
    clock,
    random: seededRandom(1),
    log,
  })
  return {
    server,
    store,
    certificateAuthority: authority.certificatePem,
    url: `https://127.0.0.1:${server.port}`,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await store.close()
    },
  }
}

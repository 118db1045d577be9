import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHttpClient } from '../../client/http/http-client.ts'
import { loadKubeconfig, type ConnectionOptions } from '../../client/kubeconfig.ts'
import { sleep, systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isForbidden, isUnauthorized } from '../../machinery/status-errors.ts'
import { writeAtomically } from '../machine/atomic-file.ts'
import { kubeconfigOfFiles } from '../pki/kubeconfig.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import { ensureFromSigner, keptCertificate, kubeletClient } from './node-certificates.ts'
import { CertificateRefusedError } from './request-certificate.ts'

/** What the kubelet's client certificate is called in its folder. */
export const clientFile = 'kubelet-client'

/** How long the cluster may take to answer one request, and the pause after one that failed. */
const [answeredWithinMs, retryMs] = [900_000, 1_000]

export interface BootstrapOptions {
  readonly nodeName: string
  /** The kubelet's own, written here when it has a certificate. */
  readonly kubeconfig: string
  /** By which it asks for that certificate: a bootstrap token, usually. */
  readonly bootstrapKubeconfig: string
  /** Where the certificate and its key are kept. */
  readonly certificateFolder: string
  /** Applies to either kubeconfig what the command line says about servers. */
  readonly withServers: (connection: ConnectionOptions) => ConnectionOptions
  readonly log: Logger
}

/**
 * Has a kubelet be known to its cluster (TLS bootstrap): where it has no certificate that is still good, it asks for one
 * until it is given one, and writes its kubeconfig. Throws where the cluster refuses.
 * Source: kubernetes/pkg/kubelet/certificate/bootstrap.
 */
export async function bootstrapKubelet(options: BootstrapOptions): Promise<void> {
  const { nodeName, kubeconfig, certificateFolder, log } = options
  const store = folderPemStore(certificateFolder)
  const wanted = kubeletClient(nodeName)
  if (existsSync(kubeconfig) && keptCertificate(store, clientFile, systemClock.now(), wanted)) return
  const { connection } = await loadKubeconfig({ paths: [options.bootstrapKubeconfig] })
  const client = createHttpClient({
    ...options.withServers(connection),
    userAgent: 'kubelet/k8ts',
    maxSessions: 1,
  })
  try {
    for (;;) {
      const within = { now: systemClock.now(), signal: AbortSignal.timeout(answeredWithinMs) }
      try {
        await ensureFromSigner(client, store, clientFile, wanted, within)
        break
      } catch (error) {
        const isRefused = error instanceof CertificateRefusedError && !within.signal.aborted
        if (isRefused || isUnauthorized(error) || isForbidden(error)) throw error
        log.warn('no certificate yet', { error })
        await sleep(systemClock, retryMs)
      }
    }
  } finally {
    client.close()
  }
  const { server, caData, caFile } = connection
  const content = kubeconfigOfFiles({
    user: 'default-auth',
    server,
    authorityPem: caData ?? (caFile === undefined ? '' : readFileSync(caFile, 'utf8')),
    certFile: join(certificateFolder, `${clientFile}.crt`),
    keyFile: join(certificateFolder, `${clientFile}.key`),
  })
  writeAtomically(kubeconfig, content, 0o600)
  log.info('the cluster knows this kubelet', { node: nodeName })
}

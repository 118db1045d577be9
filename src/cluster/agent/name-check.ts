import { Resolver } from 'node:dns/promises'
import type { RunningComponent } from '../../client/component.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'

export interface NameCheckOptions {
  /** Rejects while cluster DNS does not give the address of a name that every cluster has. */
  readonly lookUp: () => Promise<unknown>
  readonly clock: Clock
}

/** Pods are started meanwhile: what counts is that whoever waits for the cluster does not wait for long. */
const retryMs = 20

/**
 * Ready once names resolve on this node the way its pods resolve them: by the address of the Service, which takes its
 * endpoints, this node's proxy and a DNS server. Until then a pod's question would be refused.
 */
export function startNameCheck({ lookUp, clock }: NameCheckOptions): RunningComponent {
  const stopped = new AbortController()
  let ill: string | undefined = 'cluster DNS has not answered yet'

  async function untilAnswered(): Promise<void> {
    while (!stopped.signal.aborted) {
      try {
        await lookUp()
        ill = undefined
        return
      } catch (error) {
        ill = `cluster DNS does not answer: ${(error as Error).message}`
      }
      await sleep(clock, retryMs, stopped.signal).catch(() => {})
    }
  }

  const ended = untilAnswered()
  return {
    name: 'cluster-names',
    ready: ended,
    health: () => ill,
    async stop() {
      stopped.abort()
      await ended
    },
  }
}

/**
 * Asks a DNS server for the API server's own Service, once, in the network namespace of this process. From a port of its
 * own each time: the kernel leads what follows a packet that came too early for the proxy's rules where that one went.
 */
export function lookUpApiServer(dnsServer: string, clusterDomain: string): () => Promise<unknown> {
  return () => {
    const resolver = new Resolver({ timeout: 250, tries: 1 })
    resolver.setServers([dnsServer])
    return resolver.resolve4(`kubernetes.default.svc.${clusterDomain}`)
  }
}

import { configMaps } from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { sleep } from '../machinery/clock.ts'
import { createConfiguredResolver } from './configured-resolver.ts'
import { corefileConfigMap } from './default-corefile.ts'
import { dnsMetrics, type AnsweredQuestion } from './dns-metrics.ts'
import { informedRecords } from './informed-records.ts'
import { createLoopGuard } from './loop-guard.ts'
import { startDnsServer, type DnsServer } from './server.ts'
import { createStatusServers } from './status-servers.ts'

export interface DnsOptions {
  /** Where to listen, UDP and TCP. */
  readonly address: string
  /** Default 53. */
  readonly port?: number
  /** Default `cluster.local`. What the ConfigMap says goes before. */
  readonly clusterDomain?: string
  /** What `/etc/resolv.conf` in a Corefile means: `address` each. */
  readonly upstreams: readonly string[]
  /** Whether pods can be read, which `pods verified` takes. Default: no. */
  readonly mayReadPods?: boolean
}

/** Who may not read the ConfigMap answers by the default one after this long. */
const configurationWaitMs = 3000
const changedAtAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Starts cluster DNS as the Corefile in kube-system/coredns says, which is followed while it changes. */
export function startDns(context: ComponentContext, options: DnsOptions): Promise<RunningComponent> {
  const { informers, clock, random, log } = context
  const { address, port = 53, clusterDomain = 'cluster.local', upstreams, mayReadPods = false } = options
  const stopping = new AbortController()
  const metrics = dnsMetrics(context.metrics)
  const records = informedRecords(informers)
  const { namespace, name } = corefileConfigMap
  const configCache = informers.informer(configMaps, { namespace, fieldSelector: `metadata.name=${name}` })
  const guard = createLoopGuard(random, log)
  let hasRecords = false
  const status = createStatusServers({
    address,
    metrics: context.metrics,
    unready: () => (hasRecords ? [] : ['kubernetes']),
    log,
  })
  const serverAddresses = [address]
  const resolver = createConfiguredResolver(
    { clock, random, metrics, records, serverAddresses, log, isLooping: guard.isLooping },
    {
      clusterDomain,
      upstreams,
      mayReadPods,
      log,
      onRefusal: () => metrics.reloadFailures.add(),
      onChange(configuration, changed) {
        if (!server) return
        log.info('the Corefile has changed')
        guard.look(configuration, changed)
        applied = applied.then(() => status.apply(configuration))
      },
    },
  )
  let server: DnsServer | undefined
  let starting: Promise<DnsServer> | undefined
  let applied: Promise<void> = Promise.resolve()

  function onAnswer(answered: Omit<AnsweredQuestion, 'zone'>, question: string): void {
    metrics.answered({ ...answered, zone: resolver.zoneOf(question) })
    const { type, transport, code } = answered
    if (resolver.configuration.servers.some((configured) => configured.log)) {
      log.info('answered', { name: question, type, transport, code })
    }
  }

  const unsubscribe = [
    configCache.onChange(({ type, object }) => resolver.configure(type === 'deleted' ? undefined : object)),
    records.onHeadlessChange(({ metadata }) => {
      const changedAt = Date.parse(metadata?.annotations?.[changedAtAnnotation] ?? '')
      if (server && changedAt > 0) metrics.programming.observe(Math.max(0, clock.now() - changedAt) / 1000)
    }),
  ]
  const configured = Promise.race([
    configCache.synced,
    sleep(clock, configurationWaitMs, stopping.signal).catch(() => {}),
  ])
  // Answering before the caches are full would deny names that exist.
  const ready = Promise.all([records.synced, configured]).then(async () => {
    if (stopping.signal.aborted) return
    hasRecords = true
    starting = startDnsServer({ address, port, resolver, log, clock, onAnswer, onQuestion: guard.see })
    server = await starting
    guard.look(resolver.configuration, resolver)
    applied = status.apply(resolver.configuration)
    await applied
  })
  return Promise.resolve({
    name: 'coredns',
    ready,
    health: () => {
      if (guard.isLooping()) return 'questions to upstream servers come back'
      return server ? undefined : 'not listening yet'
    },
    // Caches fill only while the API server answers: they are not waited for.
    async stop() {
      const lameducks = resolver.configuration.servers.map(({ health }) => health?.lameduckMs ?? 0)
      if (server && Math.max(...lameducks) > 0) await sleep(clock, Math.max(...lameducks))
      stopping.abort()
      for (const end of unsubscribe) end()
      resolver.close()
      const started = await starting?.catch(() => undefined)
      await started?.close()
      await applied
      await status.close()
    },
  })
}

import type { Lease, LeaseSpec } from '../api/generated/coordination.v1.ts'
import { leases } from '../api/generated/resources.ts'
import { sleep } from '../machinery/clock.ts'
import type { ObjectName } from '../machinery/resource.ts'
import { isNotFound, timeoutError } from '../machinery/status-errors.ts'
import { formatMicroTime } from '../machinery/time.ts'
import type { ComponentContext, RunningComponent } from './component.ts'
import { createEventRecorder } from './event-recorder/event-recorder.ts'

export interface LeaderElectionOptions {
  /** As upstream names it: `kube-controller-manager`. Also the source of the election's events. */
  readonly component: string
  /** Default: `component` in kube-system. */
  readonly lease?: Required<ObjectName>
  /** Unique to this process: `host_uuid`. */
  readonly identity: string
  /** How long others must see no renewal before one of them may take over. Default 15 s. */
  readonly leaseDurationMs?: number
  /** How long the leader goes on without a renewal. Less than the lease's duration; default 10 s. */
  readonly renewDeadlineMs?: number
  /** Time between tries to get or renew the lease. Default 2 s. */
  readonly retryPeriodMs?: number
}

const jitter = 1.2

/**
 * Runs what `lead` starts while this process holds the lease: stops it when the lease is lost, starts it again when it
 * is won back, and gives the lease up on stop(). Timings and record are those of client-go tools/leaderelection.
 */
export function startWhenLeader(
  context: ComponentContext,
  options: LeaderElectionOptions,
  lead: () => RunningComponent,
): RunningComponent {
  const { client, clock, random } = context
  const { component, identity } = options
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options
  const { namespace, name } = options.lease ?? { namespace: 'kube-system', name: component }
  const log = context.log.with({ lease: `${namespace}/${name}`, identity })
  const recorder = createEventRecorder({ client, component, clock, log })
  const master = context.metrics
    .gauge({
      name: 'leader_election_master_status',
      help: 'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.',
      labels: ['name'],
    })
    .with({ name })
  master.set(0)
  const abort = new AbortController()
  const { signal } = abort
  /** The last record seen and since when, by our own clock: other machines' clocks are not trusted. */
  let observed: { readonly lease: Lease; readonly atMs: number } | undefined
  let leading: RunningComponent | undefined

  const isHeldByUs = () => observed?.lease.spec?.holderIdentity === identity

  function observe(lease: Lease, atMs: number): void {
    const isNews = observed?.lease.metadata?.resourceVersion !== lease.metadata?.resourceVersion
    if (!isNews) return
    if (observed?.lease.spec?.holderIdentity !== lease.spec?.holderIdentity)
      log.info('The leader is', { leader: lease.spec?.holderIdentity })
    observed = { lease, atMs }
  }

  function isFree({ spec = {} }: Lease): boolean {
    if (!spec.holderIdentity || spec.holderIdentity === identity) return true
    return clock.monotonic() >= (observed?.atMs ?? 0) + (spec.leaseDurationSeconds ?? 0) * 1000
  }

  /** Tries once to get or renew the lease; true when it is ours. */
  async function tryOnce(): Promise<boolean> {
    const startedMs = clock.monotonic()
    try {
      const current = isHeldByUs() ? observed!.lease : await client.get(leases, { namespace, name })
      if (!isHeldByUs()) observe(current, startedMs)
      if (!isFree(current)) return false
      const spec = nextSpec(current.spec ?? {})
      observe(await client.update(leases, { ...current, spec }), startedMs)
    } catch (error) {
      if (!isNotFound(error)) {
        log.debug('The lease was not obtained', { error })
        if (isHeldByUs()) await reread()
        return false
      }
      if (!(await create(startedMs))) return false
    }
    return isHeldByUs()
  }

  /** After a failed renewal: somebody else may have written the lease. */
  async function reread(): Promise<void> {
    try {
      observe(await client.get(leases, { namespace, name }), clock.monotonic())
    } catch (error) {
      log.debug('The lease was not read', { error })
    }
  }

  async function create(startedMs: number): Promise<boolean> {
    try {
      const lease = { metadata: { namespace, name }, spec: nextSpec({}) }
      observe(await client.create(leases, lease), startedMs)
      return true
    } catch (error) {
      log.debug('The lease was not created', { error })
      return false
    }
  }

  function nextSpec(current: LeaseSpec): LeaseSpec {
    const now = formatMicroTime(clock.now())
    const isOurs = current.holderIdentity === identity
    return {
      ...current,
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
      acquireTime: isOurs ? (current.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: isOurs ? (current.leaseTransitions ?? 0) : nextTransitions(current),
    }
  }

  /** Renews until that has failed for as long as the deadline says, or the lease went to another. */
  async function keep(): Promise<void> {
    let renewedMs = observed?.atMs ?? 0
    while (!signal.aborted) {
      await sleep(clock, retryPeriodMs, signal)
      const startedMs = clock.monotonic()
      const leftMs = renewedMs + renewDeadlineMs - startedMs
      if (leftMs <= 0) return
      if (await within(leftMs, tryOnce())) renewedMs = startedMs
      else if (observed && !isHeldByUs()) return
    }
  }

  /** A request that hangs must not keep a leader in office. */
  async function within(limitMs: number, trying: Promise<boolean>): Promise<boolean> {
    const limit = new AbortController()
    const late = sleep(clock, limitMs, limit.signal).then(
      () => false,
      () => false,
    )
    try {
      return await Promise.race([trying, late])
    } finally {
      limit.abort()
    }
  }

  async function release(): Promise<void> {
    if (!observed || !isHeldByUs()) return
    const now = formatMicroTime(clock.now())
    const spec = {
      ...observed.lease.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
    }
    const releasing = client.update(leases, { ...observed.lease, spec }).then(
      () => true,
      (error: unknown) => {
        log.info('The lease was not released', { error })
        return false
      },
    )
    if (!(await within(renewDeadlineMs, releasing)))
      log.debug('Others wait for the end of the lease', { error: timeoutError('release', 0) })
    observed = undefined
  }

  async function serve(): Promise<void> {
    recorder.event(observed!.lease, 'Normal', 'LeaderElection', `${identity} became leader`)
    leading = lead()
    master.set(1)
    void leading.ready.then(resolveReady)
    await keep().catch(() => {})
    recorder.event(observed!.lease, 'Normal', 'LeaderElection', `${identity} stopped leading`)
    const ended = leading
    leading = undefined
    master.set(0)
    await ended.stop()
    if (!signal.aborted) log.warn('The lease was lost')
  }

  const { promise: ready, resolve: resolveReady } = Promise.withResolvers<void>()

  async function run(): Promise<void> {
    while (!signal.aborted) {
      if (await tryOnce()) await serve()
      else await sleep(clock, retryPeriodMs * (1 + random.next() * jitter), signal).catch(() => {})
    }
    await release()
  }
  const running = run()

  return {
    name: component,
    ready,
    health: () => leading?.health(),
    async stop() {
      abort.abort()
      await running
      await recorder.stop()
    },
  }
}

/** The first holder is not a transition; every other one is. */
function nextTransitions({ acquireTime, leaseTransitions = 0 }: LeaseSpec): number {
  return acquireTime === undefined ? 0 : leaseTransitions + 1
}

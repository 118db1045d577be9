import type { Pod, Probe } from '../../api/generated/core.v1.ts'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { PodEvents } from '../pods/events.ts'
import { newestInstance, type ObservedContainer, type PodObservation } from '../pods/observation.ts'
import { containersOf, type AnyContainer, type ContainerKind } from '../pods/pod.ts'
import type { ProbeResult, ProbeResults } from '../pods/plan/input.ts'
import type { ProbeOutcome } from './probe-outcome.ts'
import type { ProbeTarget } from './run-probe.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export interface PodProberOptions {
  readonly clock: Clock
  readonly run: (probe: Probe, target: ProbeTarget) => Promise<ProbeOutcome>
  readonly events: () => PodEvents
  /** A probe has been answered. */
  readonly onOutcome?: (
    kind: ProbeKind,
    container: string,
    outcome: ProbeOutcome,
    tookSeconds: number,
  ) => void
  /** A verdict has changed. */
  readonly onChange: () => void
}

/** The probes of one pod: follows its containers, keeps the verdicts, asks the worker to look when one changes. */
export interface PodProber extends ProbeResults {
  /** Starts and stops probes so that they fit what runs. `starting`: postStart hooks under way. */
  update(pod: Pod, observed: PodObservation, state: ProberState): void
  stop(): void
}

export interface ProberState {
  readonly podIP: string
  readonly ending: boolean
  isStarting(name: string): boolean
}

const titles: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
}
const kinds: readonly ProbeKind[] = ['startup', 'liveness', 'readiness']
const retriesOfErrors = 3

interface Running {
  verdict: ProbeResult
  /** The last outcome and how many times in a row it came. */
  last: 'success' | 'failure' | undefined
  run: number
  cancel: Cancel
  stopped: boolean
  target: ProbeTarget
}

export function createPodProber(options: PodProberOptions): PodProber {
  const { clock } = options
  const probes = new Map<string, Running>()
  /** Verdicts of startup probes that have ended with success outlive the probe. */
  const started = new Set<string>()
  /** Which probes each live container has; what has none is well. */
  let declared = new Map<string, ReadonlySet<ProbeKind>>()

  function verdict(kind: ProbeKind, containerID: string): ProbeResult {
    if (!declared.get(containerID)?.has(kind)) return 'success'
    if (kind === 'startup' && started.has(containerID)) return 'success'
    const probe = probes.get(keyOf(kind, containerID))
    if (probe) return probe.verdict
    return kind === 'liveness' ? 'success' : 'unknown'
  }

  function start(kind: ProbeKind, probe: Probe, target: ProbeTarget, startedAtMs: number): void {
    const running: Running = {
      verdict: kind === 'liveness' ? 'success' : 'unknown',
      last: undefined,
      run: 0,
      cancel: () => {},
      stopped: false,
      target,
    }
    probes.set(keyOf(kind, target.containerID), running)
    const firstMs = startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now()
    const schedule = (delayMs: number) => {
      running.cancel = clock.after(Math.max(0, delayMs), () => void tick())
    }
    const tick = async () => {
      const began = clock.monotonic()
      const outcome = await withRetries(probe, running)
      if (running.stopped) return
      options.onOutcome?.(kind, target.container.name, outcome, (clock.monotonic() - began) / 1000)
      const settled = conclude(kind, probe, running, outcome)
      if (settled) return
      schedule((probe.periodSeconds ?? 10) * 1000 - (clock.monotonic() - began))
    }
    schedule(firstMs)
  }

  async function withRetries(probe: Probe, running: Running): Promise<ProbeOutcome> {
    let outcome = await options.run(probe, running.target)
    for (let tries = 1; outcome.result === 'error' && tries < retriesOfErrors && !running.stopped; tries++) {
      outcome = await options.run(probe, running.target)
    }
    return outcome
  }

  /** Counts an outcome. True when this probe need not run again for this container. */
  function conclude(kind: ProbeKind, probe: Probe, running: Running, outcome: ProbeOutcome): boolean {
    tell(kind, running.target, outcome)
    if (outcome.result === 'error') return false
    const result = outcome.result === 'failure' ? 'failure' : 'success'
    running.run = running.last === result ? running.run + 1 : 1
    running.last = result
    const threshold = result === 'failure' ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1)
    if (running.run < threshold) return false
    const changed = running.verdict !== result
    running.verdict = result
    if (kind === 'startup' && result === 'success') started.add(running.target.containerID)
    if (changed) options.onChange()
    return kind === 'startup' || (kind === 'liveness' && result === 'failure')
  }

  function tell(kind: ProbeKind, { container }: ProbeTarget, { result, output }: ProbeOutcome): void {
    const named = { container, kind: kindOf(container) }
    const title = titles[kind]
    if (result === 'failure') {
      options.events().warning('Unhealthy', `${title} probe failed: ${output}`, named)
    } else if (result === 'error') {
      options.events().warning('Unhealthy', `${title} probe errored: ${output}`, named)
    } else if (result === 'warning') {
      options.events().warning('ProbeWarning', `${title} probe warning: ${output}`, named)
    }
  }

  let containerKinds = new Map<string, ContainerKind>()
  const kindOf = (container: AnyContainer) => containerKinds.get(container.name) ?? 'main'

  function end(key: string, probe: Running): void {
    probe.stopped = true
    probe.cancel()
    probes.delete(key)
  }

  return {
    startup: (containerID) => verdict('startup', containerID),
    liveness: (containerID) => verdict('liveness', containerID),
    readiness: (containerID) => verdict('readiness', containerID),

    update(pod, observed, state) {
      const wanted = new Set<string>()
      const nowDeclared = new Map<string, ReadonlySet<ProbeKind>>()
      containerKinds = new Map(containersOf(pod).map(({ container, kind }) => [container.name, kind]))
      for (const { container, kind: containerKind } of containersOf(pod)) {
        if (containerKind === 'init' || containerKind === 'ephemeral') continue
        const instance = newestInstance(observed, container.name)
        if (instance?.state !== 'running') continue
        nowDeclared.set(instance.id, new Set(kinds.filter((kind) => probeOf(container, kind))))
        for (const kind of kinds) {
          const probe = probeOf(container, kind)
          if (!probe || !mayRun(kind, container, instance, state)) continue
          const key = keyOf(kind, instance.id)
          wanted.add(key)
          const target = targetOf(container, instance, state.podIP)
          const running = probes.get(key)
          if (running) running.target = target
          else start(kind, probe, target, instance.startedAtMs)
        }
      }
      for (const [key, probe] of probes) if (!wanted.has(key)) end(key, probe)
      declared = nowDeclared
      for (const id of started) if (!declared.has(id)) started.delete(id)
    },

    stop() {
      for (const [key, probe] of probes) end(key, probe)
    },
  }

  /** Startup gates the others; a pod that ends is only asked whether it is still ready. */
  function mayRun(
    kind: ProbeKind,
    container: AnyContainer,
    instance: ObservedContainer,
    state: ProberState,
  ): boolean {
    if (state.ending && kind !== 'readiness') return false
    if (state.isStarting(container.name)) return false
    if (kind === 'startup') return !started.has(instance.id)
    return !container.startupProbe || started.has(instance.id)
  }
}

function keyOf(kind: ProbeKind, containerID: string): string {
  return `${kind}/${containerID}`
}

function probeOf(container: AnyContainer, kind: ProbeKind): Probe | undefined {
  switch (kind) {
    case 'startup':
      return container.startupProbe
    case 'liveness':
      return container.livenessProbe
    case 'readiness':
      return container.readinessProbe
  }
}

function targetOf(container: AnyContainer, instance: ObservedContainer, podIP: string): ProbeTarget {
  return { container, containerID: instance.id, sandboxID: instance.sandboxID, podIP }
}

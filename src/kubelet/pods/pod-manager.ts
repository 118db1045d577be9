import type { Node, Pod } from '../../api/generated/core.v1.ts'
import type { Change, Informer } from '../../client/informer.ts'
import type { Logger } from '../../machinery/log.ts'
import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import { keyOf } from '../../machinery/resource.ts'
import { referencesOf, type References } from '../objects/references.ts'
import { admit, allocationFailure, pendingResize, withoutPreamble, type NodePolicy } from './admission.ts'
import { podEvents } from './events.ts'
import { orphanPod } from './orphan-pod.ts'
import { refusalUnderPressure } from '../eviction/admit-under-pressure.ts'
import type { NodePressure } from '../eviction/threshold.ts'
import type { Failure } from './status/pod-status.ts'
import { isProcessPod } from '../runtime/component/process-pod.ts'
import { isMirrorPod, isStaticPod, isTerminalPhase, podUID } from './pod.ts'
import { createPodWorker, type PodWorker } from './pod-worker.ts'
import type { PodServices } from './services.ts'

/** Gives every pod of this node a worker: those of the API server, those of manifests, and those only the runtime has. */
export interface PodManager {
  /** Begins with the pods that are there; what the runtime has beside them is ended. */
  start(): void
  /** All static pods there are now. */
  setStatic(pods: readonly Pod[]): void
  /** The runtime has seen something of the pod. */
  observed(podUID: string): void
  /** An object that the pod refers to has changed. */
  objectChanged(podUID: string): void
  /** Every pod, with its newest status. */
  pods(): readonly Pod[]
  find(namespace: string, name: string): Pod | undefined
  findByUID(uid: string): Pod | undefined
  /** Pods that hold resources of this node. */
  active(): readonly Pod[]
  /** Ends a pod, and says why in its status and an event. */
  evict(uid: string, failure: Failure): void
  /** Ends a pod, and says why in its status. */
  end(uid: string, failure: Failure): void
  /** Nothing of the pod runs any more, and what the node lent it is back. */
  isReleased(uid: string): boolean
  /** What the pod runs on. */
  servicesOf(pod: Pod): PodServices
  readonly isEmpty: boolean
  stop(): Promise<void>
  /** Resolves when no worker has anything under way. */
  idle(): Promise<void>
}

export interface PodManagerOptions {
  readonly services: PodServices
  /** For pods whose containers are processes of this machine. */
  readonly components: PodServices
  readonly informer: Informer<Pod>
  readonly log: Logger
  readonly node: () => Node | undefined
  readonly policy: NodePolicy
  /** Why no pod may come at all. */
  readonly closed: () => Failure | undefined
  /** What the node is short of. */
  readonly pressures: () => ReadonlySet<NodePressure>
  readonly track: (podUID: string, references: References) => void
  /** A mirror pod has changed in the API server. */
  readonly onMirror: (key: string) => void
  /** The pods that hold resources of this node have changed. */
  readonly onPodsChange: (pods: readonly Pod[]) => void
  /** Of a pod that is gone for good. */
  readonly forget: (podUID: string) => void
}

const noReferences: References = { configMaps: new Set(), secrets: new Set(), usesTrustBundles: false }

export function createPodManager(options: PodManagerOptions): PodManager {
  const { services, informer, log } = options
  const workers = new Map<string, PodWorker>()
  /** Finished, but the API server still has them: finalizers. */
  const gone = new Set<string>()
  let statics = new Map<string, Pod>()
  let unsubscribe = () => {}
  let stopped = false
  let isStarted = false
  let isBalancing = false

  function servicesOf(pod: Pod): PodServices {
    return isProcessPod(pod) ? options.components : services
  }

  function add(pod: Pod, orphan = false): void {
    const uid = podUID(pod)
    const running = workers.get(uid)
    if (running) return running.update(pod)
    if (gone.has(uid) || stopped) return
    if (isStaticPod(pod) && hasNamesake(pod)) return
    const worker: PodWorker = createPodWorker({
      services: servicesOf(pod),
      pod,
      orphan,
      pendingResize: (now) => pendingResize(now, activePods(worker), options.node()),
      onAllocation: changed,
    })
    workers.set(uid, worker)
    if (!orphan) {
      options.track(uid, referencesOf(pod))
      const refusal = refusalOf(pod, worker)
      if (refusal) worker.fail(toldOf(pod, refusal))
      else if (mustBeGiven(pod, worker)) worker.hold(given(pod))
    }
    void worker.finished.then(() => finish(worker))
    worker.wake()
    changed()
  }

  function toldOf(pod: Pod, refusal: Failure): Failure {
    podEvents(services.recorder, pod).warning(refusal.reason, withoutPreamble(refusal.message))
    return refusal
  }

  /** Devices must be found for the pod before it may run. */
  function mustBeGiven(pod: Pod, worker: PodWorker): boolean {
    const deleting = pod.metadata?.deletionTimestamp !== undefined
    if (isTerminalPhase(pod.status?.phase) || deleting || isOnNode(pod, worker)) return false
    return servicesOf(pod).resources.wants(pod)
  }

  async function given(pod: Pod): Promise<Failure | undefined> {
    try {
      await servicesOf(pod).resources.allocate(pod)
      return undefined
    } catch (error) {
      return toldOf(pod, allocationFailure(error))
    }
  }

  const isOnNode = (pod: Pod, worker: PodWorker) =>
    servicesOf(pod).observer.get(worker.uid).containers.length > 0

  /** A pod whose containers run here already is not asked again: the node has taken it. */
  function refusalOf(pod: Pod, worker: PodWorker) {
    const node = options.node()
    const deleting = pod.metadata?.deletionTimestamp !== undefined
    if (isTerminalPhase(pod.status?.phase) || deleting || node === undefined) return undefined
    if (isOnNode(pod, worker)) return undefined
    return (
      options.closed() ??
      refusalUnderPressure(pod, options.pressures()) ??
      admit(pod, activePods(worker), node, options.policy)
    )
  }

  /** Pods that hold their resources: not those that have come to their end. */
  function activePods(except?: PodWorker): Pod[] {
    return [...workers.values()]
      .filter((worker) => worker !== except && !worker.stopped && !isTerminalPhase(phaseOf(worker)))
      .map(({ allocated }) => allocated)
  }

  function finish(worker: PodWorker): void {
    workers.delete(worker.uid)
    options.track(worker.uid, noReferences)
    options.forget(worker.uid)
    const listed = informer.get(keyOf(worker.pod))
    if (listed && podUID(listed) === worker.uid) gone.add(worker.uid)
    changed()
    for (const pod of statics.values()) if (!workers.has(podUID(pod))) add(pod)
  }

  /** Two static pods of one name, of different manifests, run one after the other. */
  function hasNamesake(pod: Pod): boolean {
    return [...workers.values()].some(
      (worker) => worker.uid !== podUID(pod) && isStaticPod(worker.pod) && keyOf(worker.pod) === keyOf(pod),
    )
  }

  function changed(): void {
    if (isBalancing) return
    isBalancing = true
    queueMicrotask(() => {
      isBalancing = false
      if (stopped) return
      options.onPodsChange(activePods())
      for (const worker of resizeOrder([...workers.values()])) worker.wake()
    })
  }

  function onChange(change: Change<Pod>): void {
    const { object } = change
    if (isMirrorPod(object)) {
      options.onMirror(keyOf(object))
      for (const worker of workers.values()) if (keyOf(worker.pod) === keyOf(object)) worker.wake()
      return
    }
    if (change.type === 'updated' && podUID(change.previous) !== podUID(object)) leave(change.previous)
    if (change.type === 'deleted') leave(object)
    else add(object)
    if (statics.has(keyOf(object))) options.onMirror(keyOf(object))
  }

  function leave(pod: Pod): void {
    const uid = podUID(pod)
    gone.delete(uid)
    const worker = workers.get(uid)
    if (!worker) return
    worker.update(pod)
    worker.removed()
  }

  function endOrphans(): void {
    if (!isStarted) return
    for (const { observer } of [services, options.components]) endOrphansOf(observer)
  }

  function endOrphansOf(observer: PodServices['observer']): void {
    for (const uid of observer.podUIDs()) {
      if (workers.has(uid)) continue
      const pod = orphanPod(observer.get(uid))
      log.info('ending a pod that is not wanted any more', { pod: keyOf(pod), uid })
      add(pod, true)
    }
  }

  return {
    start() {
      isStarted = true
      unsubscribe = informer.onChange(onChange)
      for (const pod of statics.values()) add(pod)
      endOrphans()
    },

    setStatic(pods) {
      const before = statics
      statics = new Map(pods.map((pod) => [keyOf(pod), pod]))
      const uids = new Set(pods.map(podUID))
      for (const pod of before.values()) if (!uids.has(podUID(pod))) workers.get(podUID(pod))?.removed()
      for (const pod of pods) add(pod)
    },

    observed(podUID) {
      const worker = workers.get(podUID)
      if (worker) worker.wake()
      else if (!stopped && !gone.has(podUID)) endOrphans()
    },

    objectChanged: (podUID) => workers.get(podUID)?.refreshObjects(),

    pods: () => Array.from(workers.values(), withStatus),
    find(namespace, name) {
      const named = [...workers.values()].filter(
        ({ pod }) => pod.metadata?.namespace === namespace && pod.metadata.name === name,
      )
      const best = named.find((worker) => !worker.stopped) ?? named[0]
      return best && withStatus(best)
    },
    findByUID(uid) {
      const worker = workers.get(uid)
      return worker && withStatus(worker)
    },
    active: () => activePods(),
    evict(uid, failure) {
      const worker = workers.get(uid)
      if (!worker) return
      podEvents(services.recorder, worker.pod).warning(failure.reason, failure.message)
      worker.fail(failure)
    },
    end: (uid, failure) => workers.get(uid)?.fail(failure),
    isReleased: (uid) => workers.get(uid)?.released ?? true,
    servicesOf,
    get isEmpty() {
      return workers.size === 0
    },

    async stop() {
      stopped = true
      unsubscribe()
      await Promise.all(Array.from(workers.values(), (worker) => worker.stop()))
    },
    async idle() {
      await Promise.all(Array.from(workers.values(), (worker) => worker.idle()))
    },
  }
}

function phaseOf(worker: PodWorker): string | undefined {
  return worker.status?.phase ?? worker.pod.status?.phase
}

/** Those whose resizes wait, in the order in which they are to be tried again: by priority, class and age. */
function resizeOrder(workers: readonly PodWorker[]): readonly PodWorker[] {
  const rank = ({ pod }: PodWorker) => qosOrder.indexOf(qosClassOf(pod))
  const priority = ({ pod }: PodWorker) => pod.spec?.priority ?? 0
  const waiting = workers.flatMap((worker) => {
    const { pendingResizeSinceMs: sinceMs } = worker
    return sinceMs === undefined ? [] : [{ worker, sinceMs }]
  })
  return waiting
    .toSorted(
      (a, b) =>
        priority(b.worker) - priority(a.worker) || rank(a.worker) - rank(b.worker) || a.sinceMs - b.sinceMs,
    )
    .map(({ worker }) => worker)
}

const qosOrder = ['Guaranteed', 'Burstable', 'BestEffort']

function withStatus({ pod, status }: PodWorker): Pod {
  return status ? { ...pod, status } : pod
}

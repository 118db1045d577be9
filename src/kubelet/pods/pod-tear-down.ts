import { rm } from 'node:fs/promises'
import type { Pod } from '../../api/generated/core.v1.ts'
import { podLogDirectory } from '../containers/sandbox-config.ts'
import { syncRetryMs } from './pod-actions.ts'
import { describePod } from './pod.ts'
import type { PodServices } from './services.ts'
import type { VolumeKeeper } from './volume-keeper.ts'

/** Gives back what a pod holds of this node beside the runtime, one step after the other, each until it succeeds. */
export interface PodTearDown {
  /** Volumes, devices and cgroups have been given back. */
  readonly isReleased: boolean
  /** Its logs and its API object are gone, too. */
  readonly isOver: boolean
  /** Begins the next step, unless one is under way; `remove` is whether the pod is to go altogether. */
  next(remove: boolean): void
}

export interface PodTearDownOptions {
  readonly services: PodServices
  readonly uid: string
  readonly pod: () => Pod
  readonly volumes: () => VolumeKeeper | undefined
  /** Removes the pod's object from the API server, where it is to go from there. */
  readonly deleteObject: () => Promise<void>
  /** Told of all work that is begun. */
  readonly track: (work: Promise<void>) => void
  /** The pod should be looked at again. */
  readonly wake: () => void
}

export function createPodTearDown(options: PodTearDownOptions): PodTearDown {
  const { services, uid, pod, volumes, deleteObject, track, wake } = options
  const { clock, log, runtime } = services
  let done: 'nothing' | 'released' | 'deleted' = 'nothing'
  let isUnderWay = false

  async function release(): Promise<void> {
    await volumes()?.stop()
    await services.volumes.remove(uid)
    services.users.release(uid)
    await services.resources.release(uid)
    if (runtime.usesHost) await services.cgroups.remove(uid)
  }

  async function remove(): Promise<void> {
    if (runtime.usesHost) {
      const logs = podLogDirectory(services.paths.podLogsDirectory, pod())
      await rm(logs, { recursive: true, force: true })
    }
    await deleteObject()
  }

  async function run(step: () => Promise<void>, after: typeof done): Promise<void> {
    const goOn = () => {
      isUnderWay = false
      wake()
    }
    isUnderWay = true
    try {
      await step()
      done = after
      goOn()
    } catch (error) {
      log.warn('tearing a pod down failed', { pod: describePod(pod()), error })
      clock.after(syncRetryMs, goOn)
    }
  }

  return {
    get isReleased() {
      return done !== 'nothing'
    },
    get isOver() {
      return done === 'deleted'
    },
    next(removes) {
      if (isUnderWay) return
      if (done === 'nothing') track(run(release, 'released'))
      else if (done === 'released' && removes) track(run(remove, 'deleted'))
    },
  }
}

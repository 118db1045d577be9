import type { Pod, PodSpec } from '../src/api/generated/core.v1.ts'
import { pods } from '../src/api/generated/resources.ts'
import type { Client } from '../src/client/client.ts'
import { isForbidden } from '../src/machinery/status-errors.ts'
import { setTimeout as delay } from 'node:timers/promises'
import { benchImage } from './k8ts-cluster.ts'

export const namespace = 'default'

/** Sleeps without using the processor, and ends at once when told to. */
const script = 'trap "exit 0" TERM; sleep 3600 & wait'

/** One container of the image that every measured cluster has. */
export const benchPodSpec: PodSpec = {
  containers: [{ name: 'main', image: benchImage, command: ['sh', '-c', script] }],
  terminationGracePeriodSeconds: 5,
}

export function aPod(name: string): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name }, spec: benchPodSpec }
}

/** Creates as soon as that is allowed: in a new cluster, when the namespace has its service account. */
export async function createWhenAllowed(client: Client, pod: Pod): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    try {
      await client.create(pods, pod)
      return
    } catch (error) {
      if (!isForbidden(error) || performance.now() > deadline) throw error
      await delay(5)
    }
  }
}

export function isRunning(pod: Pod | undefined): boolean {
  return (
    pod?.status?.phase === 'Running' &&
    (pod.status.containerStatuses?.every(({ state }) => state?.running !== undefined) ?? false)
  )
}

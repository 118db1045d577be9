import { openComponentRuntime } from '../runtime/component/component-runtime.ts'
import { noCgroups } from '../cgroups/cgroup-manager.ts'
import { noPodResources } from '../devices/pod-resources.ts'
import { createImagePuller } from '../images/image-puller.ts'
import type { PayloadSources } from '../volumes/payload.ts'
import { createSimulatedVolumeManager } from '../volumes/volume-manager.ts'
import { createObserver } from './observer.ts'
import { noUserNamespaces } from '../user-namespaces/user-namespaces.ts'
import type { PodServices } from './services.ts'

export interface ComponentPodsOptions {
  /** What other pods of the node are given. */
  readonly services: PodServices
  readonly sources: PayloadSources
  readonly nodeAddress: () => string
  /** Where they are kept over restarts; nowhere when absent. */
  readonly stateDirectory?: string
  readonly onChange: (podUID: string) => void
}

/** Pods whose containers are processes of the node that somebody else runs: they are shown, and given nothing. */
export interface ComponentPods {
  readonly services: PodServices
  /** Sees what there is now. */
  look(): Promise<void>
  start(): void
  close(): Promise<void>
}

export async function openComponentPods(options: ComponentPodsOptions): Promise<ComponentPods> {
  const { services, sources, nodeAddress, stateDirectory, onChange } = options
  const { clock, log } = services
  const runtime = await openComponentRuntime({
    clock,
    nodeAddress,
    ...(stateDirectory !== undefined && { stateDirectory }),
  })
  const observer = createObserver({ runtime, clock, log, onChange })
  return {
    services: {
      ...services,
      runtime,
      observer,
      volumes: createSimulatedVolumeManager(sources),
      images: createImagePuller({ runtime, clock }),
      cgroups: noCgroups,
      users: noUserNamespaces,
      resources: noPodResources,
      networkReady: async () => {},
      services: async () => [],
    },
    look: () => observer.relist(),
    start: () => observer.start(() => observer.podUIDs().length > 0),
    async close() {
      observer.stop()
      await runtime.close()
    },
  }
}

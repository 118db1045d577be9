import type { Node } from '../../api/generated/core.v1.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { KubeletOptions } from '../options.ts'
import { keepsTmpfsInMemory } from '../volumes/mounts.ts'
import type { Machine } from './machine.ts'
import { aboutNode } from './node-reporter.ts'

const mayBeSwapped =
  'The tmpfs noswap option is not supported. Memory-backed volumes (e.g. secrets, emptyDirs, etc.) might be swapped to disk and should no longer be considered secure.'

/** Events of how the kubelet set up the machine that it runs pods on. Limits of pods are enforced where nothing is said. */
export async function tellOfMachine(
  recorder: EventRecorder,
  node: Node,
  { swapBytes }: Machine,
  enforcement: KubeletOptions['enforcement'] = { pods: true, reserved: [] },
): Promise<void> {
  const about = aboutNode(node)
  if (enforcement.pods) {
    const message = 'Updated Node Allocatable limit across pods'
    recorder.event(about, 'Normal', 'NodeAllocatableEnforced', message)
  }
  if (swapBytes > 0 && !(await keepsTmpfsInMemory())) {
    recorder.event(about, 'Warning', 'PossibleMemoryBackedVolumesOnDisk', mayBeSwapped)
  }
}

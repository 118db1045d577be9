import type { ObservedContainer } from '../observation.ts'
import type { AnyContainer } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import { probeGraceSeconds, terminationGraceSeconds } from './grace.ts'
import type { PlanInput } from './input.ts'
import { isDefinitionChanged } from './restart.ts'

/** Kills a running container that its probes have condemned or whose image changed. True when it is condemned. */
export function planProbeVerdict(
  input: PlanInput,
  draft: PlanDraft,
  container: AnyContainer,
  instance: ObservedContainer,
): boolean {
  const { pod, probes } = input
  const kill = { type: 'killContainer', containerID: instance.id, name: container.name } as const
  if (isDefinitionChanged(container, instance)) {
    draft.add({
      ...kill,
      graceSeconds: terminationGraceSeconds(pod),
      reason: 'definitionChanged',
      message: `Container ${container.name} definition changed, will be restarted`,
    })
    return true
  }
  if (probes.startup(instance.id) === 'failure') {
    draft.add({
      ...kill,
      graceSeconds: probeGraceSeconds(pod, container.startupProbe),
      reason: 'startupProbe',
      message: `Container ${container.name} failed startup probe, will be restarted`,
    })
    return true
  }
  if (probes.liveness(instance.id) === 'failure') {
    draft.add({
      ...kill,
      graceSeconds: probeGraceSeconds(pod, container.livenessProbe),
      reason: 'livenessProbe',
      message: `Container ${container.name} failed liveness probe, will be restarted`,
    })
    return true
  }
  return false
}

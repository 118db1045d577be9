import type { SandboxStatus } from '../../runtime/runtime.ts'
import { newestInstance } from '../observation.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { planProbeVerdict } from './probe-verdict.ts'
import { planResize } from './resize.ts'
import { hasEndedForGood, restartsAfter } from './restart.ts'
import { isStarting, planStart } from './start.ts'

/**
 * Main containers are started in the order of the spec, one at a time: the next one when the postStart hook of the one
 * before is over, as upstream does and sidecar injectors rely on.
 */
export function planMainContainers(input: PlanInput, sandbox: SandboxStatus, draft: PlanDraft): void {
  const containers = input.pod.spec?.containers ?? []
  let busy = containers.some(({ name }) => isStarting(input, name))
  for (const container of containers) {
    const instance = newestInstance(input.observed, container.name)
    switch (instance?.state) {
      case 'running':
        if (!planProbeVerdict(input, draft, container, instance)) {
          planResize(input, draft, container, instance)
        }
        continue
      case 'unknown':
        continue
      case 'exited':
        if (!restartsAfter(input.pod, container, instance.exitCode)) continue
        break
      case 'created':
        break
      case undefined:
        if (hasEndedForGood(input.pod, container)) continue
        break
    }
    if (busy && !isStarting(input, container.name)) continue
    const before = draft.actions.length
    planStart(input, sandbox, draft, container, 'main')
    busy ||= draft.actions.length > before
  }
}

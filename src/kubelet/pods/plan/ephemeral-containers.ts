import type { SandboxStatus } from '../../runtime/runtime.ts'
import { newestInstance } from '../observation.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { planStart } from './start.ts'

/** Ephemeral containers run once, whatever else the pod does. */
export function planEphemeralContainers(input: PlanInput, sandbox: SandboxStatus, draft: PlanDraft): void {
  for (const container of input.pod.spec?.ephemeralContainers ?? []) {
    const instance = newestInstance(input.observed, container.name)
    if (instance === undefined || instance.state === 'created') {
      planStart(input, sandbox, draft, container, 'ephemeral')
    }
  }
}

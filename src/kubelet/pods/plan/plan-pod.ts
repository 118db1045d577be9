import { PlanDraft } from './draft.ts'
import { planEnding } from './ending.ts'
import { planEphemeralContainers } from './ephemeral-containers.ts'
import { planGarbage } from './garbage.ts'
import { planInitContainers } from './init-containers.ts'
import type { Plan, PlanInput } from './input.ts'
import { planMainContainers } from './main-containers.ts'
import { planWholeResize } from './resize.ts'
import { isRestartingAll, planRestartAll } from './restart-all.ts'
import { planSandbox, usableSandbox } from './sandbox.ts'
import { planUnwanted } from './unwanted.ts'

/**
 * What to do about a pod now: a pure function of what is wanted, what is there and what is under way. It is asked
 * again after everything that happens, so it names only what can be done at once; what must wait for something is
 * named when that has come about. Order of containers and their restarts as upstream's kuberuntime manager.
 */
export function planPod(input: PlanInput): Plan {
  return input.ending ? planEnding(input, input.ending) : planRunning(input)
}

function planRunning(input: PlanInput): Plan {
  const draft = new PlanDraft(input)
  planUnwanted(input, draft)
  const sandbox = usableSandbox(input.pod, input.observed)
  if (sandbox === undefined) {
    planSandbox(input, draft)
  } else if (isRestartingAll(input.pod, input.observed)) {
    planEphemeralContainers(input, sandbox, draft)
    planRestartAll(input, draft)
    return draft.done({ stopped: false, removed: false })
  } else {
    planEphemeralContainers(input, sandbox, draft)
    if (planInitContainers(input, sandbox, draft)) planMainContainers(input, sandbox, draft)
    planWholeResize(input, draft)
  }
  planGarbage(input, draft)
  return draft.done({ stopped: false, removed: false })
}

import type { Container } from '../../../api/generated/core.v1.ts'
import type { SandboxStatus } from '../../runtime/runtime.ts'
import type { ObservedContainer } from '../observation.ts'
import { isSidecar } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput } from './input.ts'
import { planProbeVerdict } from './probe-verdict.ts'
import { planResize } from './resize.ts'
import { restartsAfter } from './restart.ts'
import { isStarting, planStart } from './start.ts'

/**
 * Init containers run one after the other; a sidecar among them counts as passed once it has started, and is kept
 * running from then on. True when the main containers may run.
 */
export function planInitContainers(input: PlanInput, sandbox: SandboxStatus, draft: PlanDraft): boolean {
  const { initContainers = [], containers = [] } = input.pod.spec ?? {}
  const here = (name: string) =>
    input.observed.containers.find((instance) => instance.name === name && instance.sandboxID === sandbox.id)
  const initialized = containers.some(({ name }) => here(name) !== undefined)

  for (const [index, container] of initContainers.entries()) {
    const instance = here(container.name)
    const passedBefore =
      initialized || initContainers.slice(index + 1).some(({ name }) => here(name) !== undefined)
    const passed = isSidecar(container)
      ? planSidecar(input, sandbox, draft, container, instance)
      : planInitContainer(input, sandbox, draft, container, instance, passedBefore)
    if (!passed && !passedBefore) return false
  }
  return true
}

function planInitContainer(
  input: PlanInput,
  sandbox: SandboxStatus,
  draft: PlanDraft,
  container: Container,
  instance: ObservedContainer | undefined,
  passedBefore: boolean,
): boolean {
  if (passedBefore) return true
  switch (instance?.state) {
    case undefined:
    case 'created':
      planStart(input, sandbox, draft, container, 'init')
      return false
    case 'running':
      planResize(input, draft, container, instance)
      return false
    case 'unknown':
      return false
    case 'exited':
      if (instance.exitCode === 0) return true
      if (restartsAfter(input.pod, container, instance.exitCode, true)) {
        planStart(input, sandbox, draft, container, 'init')
      }
      return false
  }
}

/** True when the sidecar has started: it runs, its postStart hook is over and its startup probe has succeeded. */
function planSidecar(
  input: PlanInput,
  sandbox: SandboxStatus,
  draft: PlanDraft,
  container: Container,
  instance: ObservedContainer | undefined,
): boolean {
  if (instance?.state === 'unknown') return false
  if (instance?.state !== 'running') {
    planStart(input, sandbox, draft, container, 'sidecar')
    return false
  }
  if (planProbeVerdict(input, draft, container, instance)) return false
  planResize(input, draft, container, instance)
  return !isStarting(input, container.name) && input.probes.startup(instance.id) === 'success'
}

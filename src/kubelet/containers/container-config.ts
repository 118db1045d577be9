import type { Pod } from '../../api/generated/core.v1.ts'
import { goJson } from '../../machinery/go-json.ts'
import type { ContainerAdditions } from '../devices/pod-resources.ts'
import { terminationGraceSeconds } from '../pods/plan/grace.ts'
import { containerHash, containerHashAnnotation } from '../pods/plan/restart.ts'
import type { AnyContainer } from '../pods/pod.ts'
import type { ContainerConfig, ContainerSecurity, Device, LinuxResources, Mount } from '../runtime/runtime.ts'
import { expand } from './expansion.ts'
import { podLabels } from './sandbox-config.ts'
import type { Variable } from './service-environment.ts'

/** Annotations that let a kubelet which does not have the pod any more still end its containers well. */
const restartCountAnnotation = 'io.kubernetes.container.restartCount'
export const terminationMessagePathAnnotation = 'io.kubernetes.container.terminationMessagePath'
export const terminationMessagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy'
export const terminationGraceAnnotation = 'io.kubernetes.pod.terminationGracePeriod'
export const preStopAnnotation = 'io.kubernetes.container.preStopHandler'
const portsAnnotation = 'io.kubernetes.container.ports'

export interface ContainerConfigInput {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly attempt: number
  /** What to run: the image's reference in the runtime. */
  readonly imageRef: string
  readonly environment: readonly Variable[]
  readonly mounts: readonly Mount[]
  readonly devices: readonly Device[]
  /** Of devices that plugins and drivers give. */
  readonly additions: ContainerAdditions
  readonly resources: LinuxResources
  readonly security: ContainerSecurity
  readonly targetContainerID?: string
}

export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, attempt, environment, security, targetContainerID, additions } = input
  const values = new Map(environment.map(({ name, value }) => [name, value]))
  const expanded = (texts: readonly string[] = []) =>
    texts.map((text) => expand(text, (name) => values.get(name)))
  const preStop = container.lifecycle?.preStop
  const stopSignal = container.lifecycle?.stopSignal
  return {
    name: container.name,
    attempt,
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: expanded(container.command),
    args: expanded(container.args),
    workingDir: container.workingDir ?? '',
    environment: [...additions.environment.filter(({ name }) => !values.has(name)), ...environment],
    mounts: [...additions.mounts, ...input.mounts],
    devices: [...additions.devices, ...input.devices],
    cdiDevices: additions.cdiDevices,
    labels: { ...podIdentity(pod), 'io.kubernetes.container.name': container.name },
    annotations: {
      ...additions.annotations,
      [containerHashAnnotation]: containerHash(container),
      [restartCountAnnotation]: String(attempt),
      [terminationMessagePathAnnotation]: container.terminationMessagePath ?? '/dev/termination-log',
      [terminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
      [terminationGraceAnnotation]: String(terminationGraceSeconds(pod)),
      ...(preStop && { [preStopAnnotation]: goJson(preStop) }),
      ...(container.ports?.length && { [portsAnnotation]: goJson(container.ports) }),
    },
    logPath: containerLogPath(container.name, attempt),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    resources: input.resources,
    security:
      targetContainerID === undefined
        ? security
        : { ...security, namespaces: { ...security.namespaces, targetContainerID } },
    ...(stopSignal !== undefined && { stopSignal }),
  }
}

/** Without the pod's own labels, which change while the container runs. */
function podIdentity(pod: Pod): Readonly<Record<string, string>> {
  const labels = podLabels(pod)
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key.startsWith('io.kubernetes.pod.')))
}

/** Relative to the pod's log directory. */
export function containerLogPath(name: string, attempt: number): string {
  return `${name}/${attempt}.log`
}

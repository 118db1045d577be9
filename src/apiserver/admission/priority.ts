import type { Pod } from '../../api/generated/core.v1.ts'
import type { PriorityClass } from '../../api/generated/scheduling.v1.ts'
import { pods, priorityClasses } from '../../api/generated/resources.ts'
import type { Writable } from '../../machinery/meta.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts'
import { refused } from './refuse.ts'
import { isAbout, objectOf, oldObjectOf } from './request-matching.ts'

const defaultPreemptionPolicy = 'PreemptLowerPriority'

/**
 * Gives a pod the number that its priority class stands for, and sees to it that one class at most is the default.
 * Source: kubernetes/plugin/pkg/admission/priority.
 */
export function createPriority(objects: Objects): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: (request) =>
      isAbout(request, pods, ['CREATE', 'UPDATE']) || isAbout(request, priorityClasses, ['CREATE', 'UPDATE']),
    async mutate(request) {
      if (!isAbout(request, pods, ['CREATE', 'UPDATE'])) return
      const pod = objectOf(request, pods)
      if (request.operation === 'CREATE') await resolve(objects, request, pod)
      else keep(pod, oldObjectOf(request, pods))
    },
    validate(request) {
      if (isAbout(request, priorityClasses, ['CREATE', 'UPDATE'])) checkDefault(objects, request)
    },
  }
}

async function resolve(objects: Objects, request: AdmissionRequest, pod: Writable<Pod>): Promise<void> {
  const { spec } = pod
  if (!spec) return
  const name = spec.priorityClassName ?? ''
  const found = name === '' ? defaultClass(objects) : await find(objects, name)
  if (name !== '' && !found) throw refused(request, `no PriorityClass with name ${name} was found`)
  const priority = found?.value ?? 0
  const preemptionPolicy = found?.preemptionPolicy ?? defaultPreemptionPolicy
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw refused(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; ` +
        `priority admission controller computed ${priority} from the given PriorityClass name`,
    )
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw refused(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; ` +
        `priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    )
  }
  if (name === '' && found?.metadata?.name) spec.priorityClassName = found.metadata.name
  spec.priority = priority
  spec.preemptionPolicy = preemptionPolicy
}

/** Old clients do not know the fields and would drop them. */
function keep(pod: Writable<Pod>, previous: Pod): void {
  const { spec } = pod
  if (!spec) return
  if (spec.priority === undefined && previous.spec?.priority !== undefined)
    spec.priority = previous.spec.priority
  if (spec.preemptionPolicy === undefined && previous.spec?.preemptionPolicy !== undefined) {
    spec.preemptionPolicy = previous.spec.preemptionPolicy
  }
}

async function find(objects: Objects, name: string): Promise<PriorityClass | undefined> {
  return objects.get(priorityClasses, { name }) ?? objects.getLatest(priorityClasses, { name })
}

/** Should there be several all the same, the lowest counts. */
function defaultClass(objects: Objects): PriorityClass | undefined {
  return objects
    .list(priorityClasses)
    .filter(({ globalDefault }) => globalDefault)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0]
}

function checkDefault(objects: Objects, request: AdmissionRequest): void {
  const priorityClass = objectOf(request, priorityClasses)
  if (!priorityClass.globalDefault) return
  const present = defaultClass(objects)
  if (!present) return
  if (request.operation === 'CREATE' || present.metadata?.name !== priorityClass.metadata?.name) {
    throw refused(
      request,
      `PriorityClass ${present.metadata?.name ?? ''} is already marked as default. Only one default can exist`,
    )
  }
}

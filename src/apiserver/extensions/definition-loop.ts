import { cleanupFinalizer } from '../../api/apiextensions/custom-resource-definition.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../../api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import { isConditionTrue, setCondition, withoutCondition } from '../../machinery/conditions.ts'
import type { Writable } from '../../machinery/meta.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'
import {
  approvalCondition,
  establishDefinition,
  nameDefinition,
  nonStructuralSchema,
  type WantedCondition,
} from './definition-conditions.ts'

export interface DefinitionLoopOptions {
  readonly objects: Objects
  readonly clock: Clock
  /** All definitions without their schemas. */
  outlines(): readonly CustomResourceDefinition[]
  /** Deletes all objects of a definition that is established; resolves with how many are left. */
  deleteInstances(definition: CustomResourceDefinition): Promise<number>
}

/** How soon it is looked again whether the objects of a definition are gone, in milliseconds. */
const instancesAgainMs = 1_000

/**
 * Brings one definition nearer to what its spec asks for: its names, whether it is served, what is wrong with it, and in
 * the end that its objects are gone before it is. Level-based: each look does the next thing that is due, and each write
 * brings the next look. Resolves with when to look again, in milliseconds.
 */
export async function reconcileDefinition(
  name: string,
  { objects, clock, outlines, deleteInstances }: DefinitionLoopOptions,
): Promise<number | undefined> {
  const definition = await objects.getLatest(customResourceDefinitions, { name })
  if (!definition) return undefined

  const write = async (change: (status: Writable<CustomResourceDefinition>) => void) => {
    try {
      await objects.change(customResourceDefinitions, { name }, change, { subresource: 'status' })
    } catch (error) {
      // Changed or gone meanwhile: the next look sees what is there.
      if (!isConflict(error) && !isNotFound(error)) throw error
    }
  }
  const set = (...conditions: readonly WantedCondition[]) =>
    write((found) => setConditions(found, conditions, clock.now()))

  const others = outlines().filter(
    (other) => other.spec.group === definition.spec.group && other.metadata?.name !== name,
  )
  const naming = nameDefinition(definition, others)
  if (naming) {
    await write((found) => {
      found.status = {
        ...found.status,
        acceptedNames: naming.acceptedNames as Writable<typeof naming.acceptedNames>,
      }
      setConditions(found, naming.conditions, clock.now())
      // In the same write: with its schema, each revision is large.
      const established = establishDefinition(found)
      if (established) setConditions(found, [established], clock.now())
    })
    return undefined
  }
  const established = establishDefinition(definition)
  if (established) {
    await set(established)
    return undefined
  }
  const nonStructural = nonStructuralSchema(definition)
  if (nonStructural) {
    if ('set' in nonStructural) await set(nonStructural.set)
    else await write((found) => removeCondition(found, 'NonStructuralSchema'))
    return undefined
  }
  const approval = approvalCondition(definition)
  if (approval) {
    await set(approval)
    return undefined
  }
  return finalize()

  async function finalize(): Promise<number | undefined> {
    const { deletionTimestamp, finalizers = [] } = definition!.metadata ?? {}
    if (deletionTimestamp === undefined || !finalizers.includes(cleanupFinalizer)) return undefined
    if (!isConditionTrue(definition!.status?.conditions, 'Established')) {
      await release('NeverEstablished', 'resource was never established')
      return undefined
    }
    await set(terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'))
    let left: number
    try {
      left = await deleteInstances(definition!)
    } catch (error) {
      await set(
        terminating('True', 'InstanceDeletionFailed', `could not issue all deletes: ${messageOf(error)}`),
      )
      throw error
    }
    if (left > 0) return instancesAgainMs
    await release('InstanceDeletionCompleted', 'removed all instances')
    return undefined
  }

  async function release(reason: string, message: string): Promise<void> {
    await write((found) => {
      setConditions(found, [terminating('False', reason, message)], clock.now())
      const { finalizers = [] } = found.metadata ?? {}
      found.metadata!.finalizers = finalizers.filter((finalizer) => finalizer !== cleanupFinalizer)
    })
  }
}

export function terminating(status: string, reason: string, message: string): WantedCondition {
  return { type: 'Terminating', status, reason, message }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function setConditions(
  definition: Writable<CustomResourceDefinition>,
  wanted: readonly WantedCondition[],
  now: number,
): void {
  let conditions: readonly CustomResourceDefinitionCondition[] = definition.status?.conditions ?? []
  for (const condition of wanted) {
    conditions = setCondition<CustomResourceDefinitionCondition>(conditions, condition, now)
  }
  definition.status = { ...definition.status, conditions: [...conditions] }
}

function removeCondition(definition: Writable<CustomResourceDefinition>, type: string): void {
  const conditions = withoutCondition(definition.status?.conditions ?? [], type)
  definition.status = { ...definition.status, conditions: [...conditions] }
}

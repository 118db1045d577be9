import type { FlowSchema } from '../../api/generated/flowcontrol.v1.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Objects } from '../objects.ts'

/** Keeps the condition of every flow schema that says whether its level is there. Returns what ends it. */
export function followDanglingSchemas(
  objects: Objects,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): () => void {
  const tellAll = () => {
    for (const schema of objects.list(flowSchemas)) tell(schema)
  }
  const tell = (schema: FlowSchema) => {
    if (isTold(objects, schema)) return
    setCondition(objects, schema, clock).catch((error: unknown) => {
      if (isNotFound(error)) return
      log.error('setting the condition of a flow schema failed', {
        flowSchema: schema.metadata?.name,
        error: String(error),
      })
    })
  }
  const ends = [
    objects.onChange(flowSchemas, (change) => {
      if (change.type === 'set') tell(change.object)
    }),
    objects.onChange(priorityLevelConfigurations, (change) => {
      if (change.type === 'deleted' || !change.previous) tellAll()
    }),
  ]
  return () => {
    for (const end of ends) end()
  }
}

function conditionOf(objects: Objects, { spec }: FlowSchema) {
  const name = spec?.priorityLevelConfiguration.name ?? ''
  const references = `This FlowSchema references the PriorityLevelConfiguration object named "${name}"`
  return objects.get(priorityLevelConfigurations, { name })
    ? ({ status: 'False', reason: 'Found', message: `${references} and it exists` } as const)
    : ({ status: 'True', reason: 'NotFound', message: `${references} but there is no such object` } as const)
}

function isTold(objects: Objects, schema: FlowSchema): boolean {
  const { status, reason, message } = conditionOf(objects, schema)
  const found = schema.status?.conditions?.find(({ type }) => type === 'Dangling')
  return found?.status === status && found.reason === reason && found.message === message
}

async function setCondition(objects: Objects, { metadata }: FlowSchema, clock: Clock): Promise<void> {
  await objects.change(
    flowSchemas,
    { name: metadata?.name ?? '' },
    (schema) => {
      // By the time it is written, another server may have said so.
      if (isTold(objects, schema)) return
      const others = (schema.status?.conditions ?? []).filter(({ type }) => type !== 'Dangling')
      const lastTransitionTime = formatTime(clock.now())
      const condition = {
        type: 'Dangling',
        lastTransitionTime,
        ...conditionOf(objects, schema),
      }
      schema.status = { conditions: [...others, condition] }
    },
    { subresource: 'status' },
  )
}

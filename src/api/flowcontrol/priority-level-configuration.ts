import { semanticEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { internalForm } from '../internal-form.ts'
import type { Writable } from '../../machinery/meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '../generated/flowcontrol.v1.ts'
import { priorityLevelConfigurations } from '../generated/resources.ts'
import { validateConditionTypes } from './condition-types.ts'
import { mandatoryPriorityLevels } from './mandatory.ts'

const defaultShares = 30
const defaultQueues = 64
const defaultHandSize = 8
const defaultQueueLength = 50
const maxQueues = 10_000_000
/** Bits of a hash that shuffle sharding may use up. */
const maxHashBits = 60

export const priorityLevelConfigurationDefinition: ResourceDefinition<PriorityLevelConfiguration> = {
  resource: priorityLevelConfigurations,
  singular: 'prioritylevelconfiguration',
  strategy: {
    defaults: defaultLevel,
    validate: validateLevel,
    status: { validateUpdate: ({ status }) => validateConditionTypes(status?.conditions) },
  },
  columns: [
    nameColumn,
    column('Type', 'Whether its requests are limited.', ({ spec }) => spec?.type ?? ''),
    column('NominalConcurrencyShares', 'Its share of the server.', (level) => {
      const { limited, exempt } = level.spec ?? {}
      return `${(limited ?? exempt)?.nominalConcurrencyShares ?? '<none>'}`
    }),
    ...(['queues', 'handSize', 'queueLengthLimit'] as const).map((field) =>
      column<PriorityLevelConfiguration>(
        `${field.slice(0, 1).toUpperCase()}${field.slice(1)}`,
        'How its requests queue.',
        ({ spec }) => `${spec?.limited?.limitResponse?.queuing?.[field] ?? '<none>'}`,
      ),
    ),
    ageColumn,
  ],
}

function defaultLevel({ spec }: Writable<PriorityLevelConfiguration>): void {
  if (!spec) return
  if (spec.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0
    spec.exempt.lendablePercent ??= 0
  }
  const { limited } = spec
  if (!limited) return
  limited.nominalConcurrencyShares ??= defaultShares
  limited.lendablePercent ??= 0
  const queuing = limited.limitResponse?.queuing
  if (!queuing) return
  // Go cannot tell an absent number from zero.
  queuing.queues ||= defaultQueues
  queuing.handSize ||= defaultHandSize
  queuing.queueLengthLimit ||= defaultQueueLength
}

/** Source: kubernetes/pkg/apis/flowcontrol/validation. */
function validateLevel({ metadata, spec, status }: PriorityLevelConfiguration): FieldError[] {
  const at = path('spec')
  const name = metadata?.name ?? ''
  const { type = '', limited, exempt } = spec ?? {}
  const errors: FieldError[] = []
  if ((name === 'exempt') !== (type === 'Exempt'))
    errors.push(invalid(at.child('type'), type, "type must be 'Exempt' if and only if name is 'exempt'"))
  if (type === 'Exempt') {
    if (limited) errors.push(forbidden(at.child('limited'), 'must be nil if the type is not Limited'))
    if (exempt) errors.push(...sharesErrors(exempt, at.child('exempt')))
  } else if (type === 'Limited') {
    if (exempt) errors.push(forbidden(at.child('exempt'), 'must be nil if the type is Limited'))
    if (limited) errors.push(...limitedErrors(limited, at.child('limited')))
    else errors.push(required(at.child('limited'), 'must not be empty when type is Limited'))
  } else errors.push(unknownType(type, ['Exempt', 'Limited'], at))
  errors.push(...fixedErrors(name, spec, at))
  return [...errors, ...validateConditionTypes(status?.conditions)]
}

function unknownType(type: string, known: readonly string[], at: FieldPath): FieldError {
  return type === '' ? required(at.child('type')) : notSupported(at.child('type'), type, known)
}

/** Of the levels that every cluster has, all is fixed but how much of the server the exempt one counts for. */
function fixedErrors(name: string, spec: PriorityLevelConfiguration['spec'], at: FieldPath): FieldError[] {
  const fixed = Object.hasOwn(mandatoryPriorityLevels, name) ? mandatoryPriorityLevels[name] : undefined
  if (!fixed) return []
  const isExempt = name === 'exempt'
  const compared = (level: PriorityLevelConfiguration['spec']) => {
    const { exempt: _exempt, ...rest } = level ?? {}
    return isExempt ? rest : level
  }
  const except = isExempt ? " except the 'spec.exempt' field" : ''
  return semanticEqual(compared(spec), compared(fixed))
    ? []
    : [
        invalid(
          at,
          internalForm('flowcontrol.v1.PriorityLevelConfigurationSpec', spec ?? {}),
          `spec of '${name}'${except} must equal the fixed value`,
        ),
      ]
}

function sharesErrors(
  shares: { readonly nominalConcurrencyShares?: number; readonly lendablePercent?: number },
  at: FieldPath,
): FieldError[] {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent = 0 } = shares
  const errors: FieldError[] = []
  if (nominal < 0)
    errors.push(invalid(at.child('nominalConcurrencyShares'), nominal, 'must be a non-negative integer'))
  if (lendablePercent < 0 || lendablePercent > 100) {
    const detail = 'must be between 0 and 100, inclusive'
    errors.push(invalid(at.child('lendablePercent'), lendablePercent, detail))
  }
  return errors
}

function limitedErrors(limited: LimitedPriorityLevelConfiguration, at: FieldPath): FieldError[] {
  const errors = sharesErrors(limited, at)
  const { borrowingLimitPercent: borrowing, limitResponse } = limited
  if (borrowing !== undefined && borrowing < 0) {
    const detail = 'if specified, must be a non-negative integer'
    errors.push(invalid(at.child('borrowingLimitPercent'), borrowing, detail))
  }
  const responseAt = at.child('limitResponse')
  const { type = '', queuing } = limitResponse ?? {}
  if (type === 'Reject') {
    const detail = 'must be nil if limited.limitResponse.type is not Limited'
    if (queuing) errors.push(forbidden(responseAt.child('queuing'), detail))
  } else if (type === 'Queue') {
    const detail = 'must not be empty if limited.limitResponse.type is Limited'
    if (queuing) errors.push(...queuingErrors(queuing, responseAt.child('queuing')))
    else errors.push(required(responseAt.child('queuing'), detail))
  } else errors.push(unknownType(type, ['Queue', 'Reject'], responseAt))
  return errors
}

function queuingErrors(queuing: QueuingConfiguration, at: FieldPath): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing
  const errors: FieldError[] = []
  if (queueLengthLimit <= 0)
    errors.push(invalid(at.child('queueLengthLimit'), queueLengthLimit, 'must be positive'))
  if (queues <= 0) errors.push(invalid(at.child('queues'), queues, 'must be positive'))
  else if (queues > maxQueues)
    errors.push(invalid(at.child('queues'), queues, `must not be greater than ${maxQueues}`))
  const handAt = at.child('handSize')
  if (handSize <= 0) errors.push(invalid(handAt, handSize, 'must be positive'))
  else if (handSize > queues)
    errors.push(invalid(handAt, handSize, `should not be greater than queues (${queues})`))
  else if (Math.ceil(Math.log2(queues) * handSize) > maxHashBits) {
    const what = `required entropy bits of deckSize ${queues} and handSize ${handSize}`
    errors.push(invalid(handAt, handSize, `${what} should not be greater than ${maxHashBits}`))
  }
  return errors
}

import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { FlowSchema } from '../generated/flowcontrol.v1.ts'
import { flowSchemas } from '../generated/resources.ts'
import { validateConditionTypes } from './condition-types.ts'
import { validateFlowSchema } from './flow-schema-validation.ts'

const defaultMatchingPrecedence = 1000

export const flowSchemaDefinition: ResourceDefinition<FlowSchema> = {
  resource: flowSchemas,
  singular: 'flowschema',
  strategy: {
    defaults({ spec }) {
      // Go cannot tell an absent number from zero.
      if (spec) spec.matchingPrecedence ||= defaultMatchingPrecedence
    },
    validate: validateFlowSchema,
    status: { validateUpdate: ({ status }) => validateConditionTypes(status?.conditions) },
  },
  columns: [
    nameColumn,
    column('PriorityLevel', 'The level its requests get.', ({ spec }) => {
      return spec?.priorityLevelConfiguration.name ?? ''
    }),
    integerColumn('MatchingPrecedence', 'Lower ones are asked first.', ({ spec }) => {
      return spec?.matchingPrecedence ?? 0
    }),
    column('DistinguisherMethod', 'What makes a flow of its own.', ({ spec }) => {
      return spec?.distinguisherMethod?.type ?? '<none>'
    }),
    ageColumn,
    column('MissingPL', 'Whether its level is missing.', ({ status }) => {
      return status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?'
    }),
  ],
}

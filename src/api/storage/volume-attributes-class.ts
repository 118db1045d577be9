import { semanticEqual } from '../../machinery/equal.ts'
import { forbidden, path, required, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { VolumeAttributesClass } from '../generated/storage.v1.ts'
import { volumeAttributesClasses } from '../generated/resources.ts'
import { validateParameters, validateProvisioner } from './parameters.ts'

/** Attributes that a volume can be given while it exists. */
export const volumeAttributesClassDefinition: ResourceDefinition<VolumeAttributesClass> = {
  resource: volumeAttributesClasses,
  singular: 'volumeattributesclass',
  shortNames: ['vac'],
  strategy: {
    validate: ({ driverName, parameters }) => [
      ...validateProvisioner(driverName, path('driverName')),
      ...(Object.keys(parameters ?? {}).length > 0
        ? validateParameters(parameters, path('parameters'))
        : [required(path('parameters'), 'must contain at least one key/value pair')]),
    ],
    validateUpdate: validateKept,
  },
  columns: [
    nameColumn,
    column('DriverName', 'The driver that knows the attributes.', ({ driverName }) => driverName),
    ageColumn,
  ],
}

function validateKept(next: VolumeAttributesClass, previous: VolumeAttributesClass): FieldError[] {
  const errors: FieldError[] = []
  if (next.driverName !== previous.driverName)
    errors.push(forbidden(path('driverName'), 'updates to driverName are forbidden.'))
  if (!semanticEqual(next.parameters, previous.parameters))
    errors.push(forbidden(path('parameters'), 'updates to parameters are forbidden.'))
  return errors
}

import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, path, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { isExtendedResourceName } from '../core/resource-names.ts'
import type { ResourceDefinition } from '../definition.ts'
import { deviceClasses } from '../generated/resources.ts'
import type { DeviceClass } from '../generated/resource.v1.ts'
import { maxConfigurations, validateConfiguration, validateSelectors } from './device-claim-validation.ts'
import { validateList } from './list-rules.ts'
import { loadSelectors } from './selector-loader.ts'

export const deviceClassDefinition: ResourceDefinition<DeviceClass> = {
  resource: deviceClasses,
  singular: 'deviceclass',
  loadWrites: loadSelectors,
  strategy: {
    tracksGeneration: true,
    validate: (deviceClass) => validateDeviceClass(deviceClass),
    validatesUpdateAlone: true,
    validateUpdate: validateDeviceClass,
  },
  columns: [nameColumn, ageColumn],
}

/** Source: kubernetes/pkg/apis/resource/validation, ValidateDeviceClass and ValidateDeviceClassUpdate. */
function validateDeviceClass({ spec }: DeviceClass, previous?: DeviceClass): FieldError[] {
  const at = path('spec')
  const { selectors, config, extendedResourceName: name } = spec ?? {}
  const isStored = previous !== undefined && jsonEqual(config ?? [], previous.spec?.config ?? [])
  const errors = [
    ...validateSelectors(selectors, at.child('selectors')),
    ...validateList(config, at.child('config'), {
      max: maxConfigurations,
      item: (item, field) => validateConfiguration(item, field, isStored),
    }),
  ]
  if (name !== undefined && !isExtendedResourceName(name))
    errors.push(invalid(at.child('extendedResourceName'), name, 'must be a valid extended resource name'))
  return errors
}

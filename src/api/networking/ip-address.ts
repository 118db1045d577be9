import { invalid, path, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors, pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { IPAddress, ParentReference } from '../generated/networking.v1.ts'
import { ipAddresses } from '../generated/resources.ts'
import { validateImmutableStruct } from '../immutable-struct.ts'

/** One address of the Services' ranges, in use. Its name is the address. */
export const ipAddressDefinition: ResourceDefinition<IPAddress> = {
  resource: ipAddresses,
  singular: 'ipaddress',
  shortNames: ['ip'],
  strategy: {
    tracksGeneration: false,
    nameRule: 'ipAddress',
    validate: ({ spec }) => validateParent(spec?.parentRef, path('spec', 'parentRef')),
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) =>
      validateImmutableStruct(
        'networking.v1.ParentReference',
        spec?.parentRef,
        previous.spec?.parentRef,
        path('spec', 'parentRef'),
      ),
  },
  columns: [
    nameColumn,
    column('ParentRef', 'What has the address.', ({ spec }) => parentText(spec?.parentRef)),
    ageColumn,
  ],
  selectableFields: ({ spec }) => {
    const parent = spec?.parentRef
    return {
      'spec.parentRef.group': parent?.group ?? '',
      'spec.parentRef.resource': parent?.resource ?? '',
      'spec.parentRef.name': parent?.name ?? '',
      'spec.parentRef.namespace': parent?.namespace ?? '',
    }
  },
}

/** Source: kubernetes/pkg/apis/networking/validation. */
function validateParent(parent: ParentReference | undefined, at: FieldPath): FieldError[] {
  if (!parent) return [required(at)]
  const { group, resource, name, namespace } = parent
  const errors: FieldError[] = []
  if (group)
    errors.push(...dns1123SubdomainErrors(group).map((message) => invalid(at.child('group'), group, message)))
  for (const [field, value] of Object.entries({ resource, name })) {
    if (!value) errors.push(required(at.child(field)))
    else
      errors.push(...pathSegmentNameErrors(value).map((message) => invalid(at.child(field), value, message)))
  }
  if (namespace) {
    const field = at.child('namespace')
    errors.push(...pathSegmentNameErrors(namespace).map((message) => invalid(field, namespace, message)))
  }
  return errors
}

/** `services/default/kubernetes`, `widgets.example.com/name`. */
function parentText(parent: ParentReference | undefined): string {
  if (!parent) return '<none>'
  const { group, resource, namespace, name } = parent
  const what = group ? `${resource}.${group}` : resource
  return [what, namespace, name].filter(Boolean).join('/')
}

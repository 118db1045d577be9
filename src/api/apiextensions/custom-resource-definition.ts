import type * as definitionValidation from './definition-validation.ts'
import type { Writable } from '../../machinery/meta.ts'
import { nameColumn } from '../columns.ts'
import type { Column, ResourceDefinition } from '../definition.ts'
import type { CustomResourceDefinition } from '../generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../generated/resources.ts'

/** Keeps a definition until the objects of its kind are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'

type Rules = typeof definitionValidation

/** What validates definitions, loaded when the first one is written: most clusters have none. */
let loaded: Rules | undefined

function rules(): Rules {
  if (!loaded) throw new Error('the rules of custom resource definitions are not loaded')
  return loaded
}

const createdColumn: Column<CustomResourceDefinition> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created, by the clock of the server.',
  cell: ({ metadata }) => metadata?.creationTimestamp ?? null,
}

export const customResourceDefinitionDefinition: ResourceDefinition<CustomResourceDefinition> = {
  resource: customResourceDefinitions,
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  columns: [nameColumn, createdColumn],
  bulkyField: 'openAPIV3Schema',
  async loadWrites() {
    loaded ??= await import('./definition-validation.ts')
  },
  strategy: {
    allowUnconditionalUpdate: false,
    defaults: setDefaults,
    prepareForCreate: addStoredVersion,
    prepareForUpdate: addStoredVersion,
    validate: (definition) => rules().validateDefinition(definition),
    validateUpdate: (definition, previous) => rules().validateDefinitionUpdate(definition, previous),
    validatesUpdateAlone: true,
    warnings: (definition, previous) => rules().definitionWarnings(definition, previous),
    status: {
      validateUpdate: (definition) => rules().validateDefinitionStatusUpdate(definition),
    },
  },
}

/** Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go. */
function setDefaults({ spec }: Writable<CustomResourceDefinition>): void {
  const { names } = spec
  names.singular ||= names.kind.toLowerCase()
  if (names.kind !== '') names.listKind ||= `${names.kind}List`
  spec.conversion ??= { strategy: 'None' }
  const service = spec.conversion.webhook?.clientConfig?.service
  if (service) service.port ??= 443
}

/** What has been stored once may still stand there in that version. */
function addStoredVersion(definition: Writable<CustomResourceDefinition>): void {
  const storage = definition.spec.versions.find((version) => version.storage)
  const stored = definition.status?.storedVersions ?? []
  if (!storage || stored.includes(storage.name)) return
  definition.status = { ...definition.status, storedVersions: [...stored, storage.name] }
}

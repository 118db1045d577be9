import { jsonEqual } from '../../machinery/equal.ts'
import { path } from '../../machinery/field-error.ts'
import { defaultTemplate, isNewGeneration } from '../apps/workload.ts'
import { column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PodTemplate } from '../generated/core.v1.ts'
import { podTemplates } from '../generated/resources.ts'
import { dropDisabledPodFields } from './pod/disabled-fields.ts'
import { validatePodTemplate } from './pod/pod-validation.ts'
import { podTemplateWarnings } from './pod/pod-warnings.ts'

export const podTemplateDefinition: ResourceDefinition<PodTemplate> = {
  resource: podTemplates,
  singular: 'podtemplate',
  strategy: {
    raisesGeneration: (object, previous) => !jsonEqual(object.template, previous.template),
    defaults: ({ template }) => defaultTemplate(template),
    prepareForCreate: ({ template }) => dropDisabledPodFields(template?.spec),
    prepareForUpdate: ({ template }, previous) =>
      dropDisabledPodFields(template?.spec, previous.template?.spec),
    warnings: (object, previous) =>
      isNewGeneration(object, previous) ? podTemplateWarnings(object.template, path('template')) : [],
    validate: ({ template }) => validatePodTemplate(template, path('template')),
  },
  columns: [
    nameColumn,
    column('Containers', 'Names of the containers.', ({ template }) =>
      (template?.spec?.containers ?? []).map(({ name }) => name).join(','),
    ),
    column('Images', 'Images of the containers.', ({ template }) =>
      (template?.spec?.containers ?? []).map(({ image }) => image ?? '').join(','),
    ),
    column('Pod Labels', 'Labels of the pods.', ({ template }) => {
      return (
        Object.entries(template?.metadata?.labels ?? {})
          .map((pair) => pair.join('='))
          .join(',') || '<none>'
      )
    }),
  ],
}

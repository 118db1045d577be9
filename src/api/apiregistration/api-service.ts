import { isConditionTrue, findCondition } from '../../machinery/conditions.ts'
import { invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import { path, type FieldPath } from '../../machinery/field-path.ts'
import { goQuote } from '../../machinery/go-format.ts'
import {
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  portNumberErrors,
} from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { APIService, APIServiceSpec } from '../generated/apiregistration.v1.ts'
import { apiServices } from '../generated/resources.ts'

export const apiServiceDefinition: ResourceDefinition<APIService> = {
  resource: apiServices,
  singular: 'apiservice',
  categories: ['api-extensions'],
  strategy: {
    nameRule: 'pathSegment',
    allowUnconditionalUpdate: false,
    tracksGeneration: false,
    defaults({ spec }) {
      if (spec?.service) spec.service.port ??= 443
    },
    prepareForCreate(apiService) {
      // What this server serves itself is there at once.
      if (apiService.spec?.service) return
      const lastTransitionTime = apiService.metadata?.creationTimestamp
      apiService.status = {
        conditions: [{ ...localCondition, ...(lastTransitionTime && { lastTransitionTime }) }],
      }
    },
    validate: validateApiService,
    status: {
      validateUpdate: ({ status }) =>
        (status?.conditions ?? []).flatMap((condition, index) =>
          conditionStatuses.includes(condition.status)
            ? []
            : [
                notSupported(
                  path('status').child('conditions').index(index).child('status'),
                  condition.status,
                  conditionStatuses,
                ),
              ],
        ),
    },
  },
  columns: [
    nameColumn,
    column('Service', 'The service that serves the API.', ({ spec }) =>
      spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local',
    ),
    column('Available', 'Whether the API can be used.', availableCell),
    ageColumn,
  ],
}

const conditionStatuses = ['True', 'False', 'Unknown']

/** The condition of an API that this server serves itself. */
const localCondition = {
  type: 'Available',
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
} as const

function availableCell({ status }: APIService): string {
  if (isConditionTrue(status?.conditions, 'Available')) return 'True'
  const condition = findCondition(status?.conditions, 'Available')
  return condition ? `${condition.status} (${condition.reason ?? ''})` : 'Unknown'
}

/** Source: kube-aggregator/pkg/apis/apiregistration/validation. */
function validateApiService({ metadata, spec }: APIService): FieldError[] {
  const at = path('spec')
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {}
  const name = metadata?.name ?? ''
  const wanted = `${version}.${group}`
  return [
    ...(name === wanted
      ? []
      : [
          invalid(
            path('metadata').child('name'),
            name,
            `must be \`spec.version+"."+spec.group\`: ${goQuote(wanted)}`,
          ),
        ]),
    ...(group === '' && version !== 'v1'
      ? [required(at.child('group'), 'only v1 may have an empty group and it better be legacy kube')]
      : []),
    ...(group === ''
      ? []
      : dns1123SubdomainErrors(group).map((fault) => invalid(at.child('group'), group, fault))),
    ...dns1035LabelErrors(version).map((fault) => invalid(at.child('version'), version, fault)),
    ...(groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000
      ? [
          invalid(
            at.child('groupPriorityMinimum'),
            groupPriorityMinimum,
            'must be positive and less than 20000',
          ),
        ]
      : []),
    ...(versionPriority <= 0 || versionPriority > 1000
      ? [invalid(at.child('versionPriority'), versionPriority, 'must be positive and less than 1000')]
      : []),
    ...validateBackend(spec),
  ]
}

function validateBackend(spec: APIServiceSpec | undefined): FieldError[] {
  const at = path('spec')
  const { service, caBundle = '', insecureSkipTLSVerify = false } = spec ?? {}
  if (!service) {
    const bytes = Buffer.from(caBundle, 'base64').length
    return [
      ...(caBundle
        ? [invalid(at.child('caBundle'), `${bytes} bytes`, 'local APIServices may not have a caBundle')]
        : []),
      ...(insecureSkipTLSVerify
        ? [
            invalid(
              at.child('insecureSkipTLSVerify'),
              true,
              'local APIServices may not have insecureSkipTLSVerify',
            ),
          ]
        : []),
    ]
  }
  return [
    ...(service.namespace ? [] : [required(at.child('service', 'namespace'))]),
    ...(service.name ? [] : [required(at.child('service', 'name'))]),
    ...portErrors(service.port ?? 0, at.child('service', 'port')),
    ...(insecureSkipTLSVerify && caBundle
      ? [invalid(at.child('insecureSkipTLSVerify'), true, 'may not be true if caBundle is present')]
      : []),
  ]
}

function portErrors(port: number, at: FieldPath): FieldError[] {
  const faults = portNumberErrors(port)
  return faults.length > 0 ? [invalid(at, port, `port is not valid: ${faults.join(', ')}`)] : []
}

import { jsonEqual } from '../../machinery/equal.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { ageColumn, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../generated/admissionregistration.v1.ts'
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from '../generated/resources.ts'
import { loadExpressions } from './expression-loader.ts'
import { reservedNameWarnings } from './reserved-names.ts'
import { validateWebhooks, type AnyWebhook } from './validate-webhooks.ts'

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly AnyWebhook[]
}

export const validatingWebhookConfigurationDefinition = definition<ValidatingWebhookConfiguration>(
  validatingWebhookConfigurations,
  defaultWebhook,
)

export const mutatingWebhookConfigurationDefinition = definition<MutatingWebhookConfiguration>(
  mutatingWebhookConfigurations,
  (webhook) => {
    defaultWebhook(webhook)
    webhook.reinvocationPolicy ??= 'Never'
  },
)

function definition<T extends WebhookConfiguration>(
  resource: Resource<T>,
  defaults: (webhook: Writable<AnyWebhook>) => void,
): ResourceDefinition<T> {
  const webhooksOf = (object: WebhookConfiguration) => object.webhooks ?? []
  return {
    resource,
    singular: resource.kind.toLowerCase(),
    categories: ['api-extensions'],
    strategy: {
      raisesGeneration: (object, previous) => !jsonEqual(webhooksOf(object), webhooksOf(previous)),
      allowUnconditionalUpdate: false,
      defaults({ webhooks = [] }: { webhooks?: Writable<AnyWebhook>[] }) {
        for (const webhook of webhooks) defaults(webhook)
      },
      load: (object) =>
        webhooksOf(object).some(({ matchConditions }) => matchConditions?.length)
          ? loadExpressions()
          : undefined,
      validatesUpdateAlone: true,
      validate: (object) => validateWebhooks(webhooksOf(object)),
      warnings: reservedNameWarnings,
      validateUpdate: (object, previous) => validateWebhooks(webhooksOf(object), webhooksOf(previous)),
    },
    columns: [
      nameColumn,
      integerColumn('Webhooks', 'How many webhooks it names.', (object) => webhooksOf(object).length),
      ageColumn,
    ],
  }
}

function defaultWebhook(webhook: Writable<AnyWebhook>): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= 10
  for (const rule of webhook.rules ?? []) rule.scope ??= '*'
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443
}

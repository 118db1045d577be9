import type { MutatingWebhook, ValidatingWebhook } from '../../../api/generated/admissionregistration.v1.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Resource } from '../../../machinery/resource.ts'
import type { Objects } from '../../objects.ts'

export type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>

/** One webhook with where it stands. */
export interface ConfiguredWebhook {
  readonly webhook: Webhook
  readonly configuration: string
  /** Tells it from all others: `configuration/name/0`. */
  readonly id: string
}

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly Webhook[]
}

/** All webhooks of a kind, by the names of their configurations, in the order in which they stand there. */
export class WebhookSource {
  readonly #objects: Objects
  readonly #resource: Resource<WebhookConfiguration>
  #webhooks: readonly ConfiguredWebhook[] | undefined
  readonly stop: () => void

  constructor(objects: Objects, resource: Resource<WebhookConfiguration>) {
    this.#objects = objects
    this.#resource = resource
    this.stop = objects.onChange(resource, () => (this.#webhooks = undefined))
  }

  get webhooks(): readonly ConfiguredWebhook[] {
    this.#webhooks ??= this.#objects
      .list(this.#resource)
      .toSorted((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1))
      .flatMap(webhooksOf)
    return this.#webhooks
  }
}

function webhooksOf({ metadata, webhooks = [] }: WebhookConfiguration): readonly ConfiguredWebhook[] {
  const configuration = metadata?.name ?? ''
  const seen = new Map<string, number>()
  return webhooks.map((webhook) => {
    const count = seen.get(webhook.name) ?? 0
    seen.set(webhook.name, count + 1)
    return { webhook, configuration, id: `${configuration}/${webhook.name}/${count}` }
  })
}

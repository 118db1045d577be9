import { randomBytes } from 'node:crypto'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../../src/api/generated/admissionregistration.v1.ts'
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../../src/api/generated/resources.ts'
import {
  startWebhookServer,
  type WebhookServer,
} from '../../../src/apiserver/webhook/testing/webhook-server.ts'
import type { Client } from '../../../src/client/client.ts'
import { answerReview, type Review } from './sample-webhook.ts'

/** Starts the sample webhook in this process. */
export async function startSampleWebhook(): Promise<WebhookServer> {
  const server = await startWebhookServer()
  server.respond = (review: Review) => answerReview(server.calls.at(-1)!.path, review)
  return server
}

/** Whether requests in a namespace are sent to a webhook: so that the tests of a suite do not meet. */
export function inNamespace(name: string) {
  return { matchLabels: { 'kubernetes.io/metadata.name': name } }
}

export function aRule(
  resource: string,
  ...operations: RuleWithOperations['operations'] & object
): RuleWithOperations {
  const [plural = '', group = '', version = 'v1'] = resource.split('.', 1).concat(groupOf(resource))
  return { operations, apiGroups: [group], apiVersions: [version], resources: [plural] }
}

function groupOf(resource: string): string[] {
  const dot = resource.indexOf('.')
  return dot < 0 ? [] : [resource.slice(dot + 1)]
}

type AnyWebhook = ValidatingWebhook & MutatingWebhook

export function aWebhook(
  server: Pick<WebhookServer, 'target'>,
  path: string,
  rules: readonly RuleWithOperations[],
  more: Partial<AnyWebhook> = {},
): AnyWebhook {
  return {
    name: `${path.slice(1)}.example.com`,
    clientConfig: { ...server.target(path) },
    rules,
    sideEffects: 'None',
    admissionReviewVersions: ['v1', 'v1beta1'],
    ...more,
  }
}

/** A configuration in force until the end of the block. */
export interface Registered extends AsyncDisposable {
  readonly name: string
}

export function registerValidating(client: Client, ...webhooks: ValidatingWebhook[]): Promise<Registered> {
  return register(client, validatingWebhookConfigurations, webhooks)
}

export function registerMutating(client: Client, ...webhooks: MutatingWebhook[]): Promise<Registered> {
  return register(client, mutatingWebhookConfigurations, webhooks)
}

async function register(
  client: Client,
  resource: typeof validatingWebhookConfigurations | typeof mutatingWebhookConfigurations,
  webhooks: readonly (ValidatingWebhook | MutatingWebhook)[],
): Promise<Registered> {
  const name = `test-${randomBytes(4).toString('hex')}`
  const configuration: ValidatingWebhookConfiguration | MutatingWebhookConfiguration = {
    metadata: { name },
    webhooks,
  }
  await client.create(resource, configuration)
  return {
    name,
    async [Symbol.asyncDispose]() {
      await client.delete(resource, { name })
    },
  }
}

import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../../api/generated/resources.ts'
import { isExemptFromWebhooks } from '../matching/exempt.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import type { WebhookContext } from './webhook-invocation.ts'
import { WebhookSource } from './webhook-source.ts'

/** Asks the webhooks of MutatingWebhookConfigurations. Nothing is loaded before there is one. */
export function createMutatingWebhooks(context: WebhookContext): AdmissionPlugin {
  const source = new WebhookSource(context.objects, mutatingWebhookConfigurations)
  return {
    name: 'MutatingAdmissionWebhook',
    handles: (request) => source.webhooks.length > 0 && !isExemptFromWebhooks(request),
    async mutate(request, round) {
      const { mutateWithWebhooks } = await import('./mutate-with-webhooks.ts')
      const only = { isReinvocation: false, memory: new Map<string, unknown>(), reinvoke: () => {} }
      await mutateWithWebhooks(source.webhooks, request, round ?? only, context)
    },
  }
}

/** Asks the webhooks of ValidatingWebhookConfigurations. */
export function createValidatingWebhooks(context: WebhookContext): AdmissionPlugin {
  const source = new WebhookSource(context.objects, validatingWebhookConfigurations)
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (request) => source.webhooks.length > 0 && !isExemptFromWebhooks(request),
    async validate(request) {
      const { validateWithWebhooks } = await import('./validate-with-webhooks.ts')
      await validateWithWebhooks(source.webhooks, request, context)
    },
  }
}

import { after, afterEach, before, beforeEach } from 'node:test'
import type { AdmissionRequest, AdmissionReview } from '../../../api/generated/admission.v1.ts'
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../../api/generated/admissionregistration.v1.ts'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import {
  configMaps,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../../api/generated/resources.ts'
import { systemClock } from '../../../machinery/clock.ts'
import type { JsonValue, ObjectMeta } from '../../../machinery/meta.ts'
import { alwaysAllow } from '../../authorization/always-allow.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { startWebhookServer, type WebhookServer } from '../../webhook/testing/webhook-server.ts'
import { WebhookMetrics } from '../webhook/webhook-metrics.ts'
import { createMutatingWebhooks, createValidatingWebhooks } from '../webhook/webhook-plugins.ts'
import type { Webhook } from '../webhook/webhook-source.ts'

/** Rules about everything that is done to ConfigMaps. */
export const onConfigMaps = [
  { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
] as const

export const configMap = (metadata: ObjectMeta = {}, data?: Record<string, string>): ConfigMap => ({
  metadata: { name: 'c', namespace: 'default', ...metadata },
  ...(data && { data }),
})

/** A review that answers the question with that uid. */
export function answerTo(uid: string | undefined, response: object) {
  return { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response: { uid, ...response } }
}

export const allow = ({ request }: AdmissionReview) => answerTo(request?.uid, { allowed: true })

export const deny =
  (status?: object) =>
  ({ request }: AdmissionReview) =>
    answerTo(request?.uid, { allowed: false, ...(status && { status }) })

export const patchWith =
  (...operations: JsonValue[]) =>
  ({ request }: AdmissionReview) =>
    answerTo(request?.uid, {
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
    })

/** A server whose whole admission is webhooks, and the one that they are at. */
export class HookedServer {
  #hooks!: WebhookServer
  #server!: TestServer
  #requests!: TestRequests
  #client!: HttpsClient

  /** Where webhooks are asked. It allows everything at the beginning of a test. */
  get hooks(): WebhookServer {
    return this.#hooks
  }

  get requests(): TestRequests {
    return this.#requests
  }

  get client(): HttpsClient {
    return this.#client
  }

  async start(): Promise<void> {
    this.#hooks = await startWebhookServer({ dnsNames: ['hooks.default.svc'] })
    this.#server = await startTestServer({
      admission: (objects, { webhooks, metrics, log }) => {
        const context = {
          objects,
          authorizer: alwaysAllow,
          client: webhooks,
          metrics: new WebhookMetrics(metrics),
          clock: systemClock,
          log,
        }
        return [createMutatingWebhooks(context), createValidatingWebhooks(context)]
      },
    })
    this.#client = new HttpsClient(this.#server)
  }

  /** Begins a test: no warnings, no calls. */
  begin(): void {
    this.#requests = new TestRequests(this.#server.server)
    this.#hooks.calls.length = 0
    this.#hooks.respond = allow
  }

  async clear(): Promise<void> {
    for (const resource of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) {
      for (const name of await this.#requests.names(resource)) await this.#requests.delete(resource, { name })
    }
    for (const name of await this.#requests.names(configMaps, 'default')) {
      await this.#requests.delete(configMaps, { namespace: 'default', name })
    }
  }

  async stop(): Promise<void> {
    this.#client.close()
    await this.#server[Symbol.asyncDispose]()
    await this.#hooks[Symbol.asyncDispose]()
  }

  /** A webhook for ConfigMaps, unless it says otherwise. */
  webhook({ path = '/', ...fields }: Partial<Webhook> & { readonly path?: string } = {}): Webhook {
    return {
      name: 'check.example.com',
      clientConfig: this.#hooks.target(path),
      rules: onConfigMaps,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...fields,
    }
  }

  validating(name: string, ...webhooks: Webhook[]): Promise<ValidatingWebhookConfiguration> {
    return this.#requests.create(validatingWebhookConfigurations, { metadata: { name }, webhooks })
  }

  mutating(name: string, ...webhooks: Webhook[]): Promise<MutatingWebhookConfiguration> {
    return this.#requests.create(mutatingWebhookConfigurations, { metadata: { name }, webhooks })
  }

  /** What webhooks were asked in this test, in order. */
  reviews(): readonly AdmissionRequest[] {
    return this.#hooks.calls.map(({ body }) => (body as AdmissionReview).request!)
  }
}

/** A server for the tests of a suite, without webhooks at the beginning of each of them. */
export function useHookedServer(): HookedServer {
  const server = new HookedServer()
  before(() => server.start())
  beforeEach(() => server.begin())
  afterEach(() => server.clear())
  after(() => server.stop())
  return server
}

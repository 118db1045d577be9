import { after, afterEach, before, beforeEach } from 'node:test'
import type {
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from '../../../api/generated/admissionregistration.v1.ts'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import {
  configMaps,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../api/generated/resources.ts'
import { systemClock } from '../../../machinery/clock.ts'
import { alwaysAllow } from '../../authorization/always-allow.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { refusal, TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createMutatingPolicies, createValidatingPolicies } from '../policy/policy-plugins.ts'

/** Rules about creating and updating a resource of v1. */
export const rulesOn = (resource: string, apiGroup = '', operations = ['CREATE', 'UPDATE']) => ({
  resourceRules: [{ operations, apiGroups: [apiGroup], apiVersions: ['v1'], resources: [resource] }] as never,
})

/** A server whose whole admission is policies. */
export class PolicyServer {
  #server!: TestServer
  #requests!: TestRequests
  #client!: HttpsClient

  get requests(): TestRequests {
    return this.#requests
  }

  get client(): HttpsClient {
    return this.#client
  }

  async start(): Promise<void> {
    this.#server = await startTestServer({
      admission: (objects, { metrics, log, servedKind }) => {
        const context = { objects, authorizer: alwaysAllow, servedKind, metrics, clock: systemClock, log }
        return [createMutatingPolicies(context), createValidatingPolicies(context)]
      },
    })
    this.#client = new HttpsClient(this.#server)
  }

  /** Begins a test: no warnings, no notes. */
  begin(): void {
    this.#requests = new TestRequests(this.#server.server)
  }

  async clear(): Promise<void> {
    for (const resource of [
      validatingAdmissionPolicyBindings,
      validatingAdmissionPolicies,
      mutatingAdmissionPolicyBindings,
      mutatingAdmissionPolicies,
    ]) {
      for (const name of await this.#requests.names(resource)) await this.#requests.delete(resource, { name })
    }
    for (const name of await this.#requests.names(configMaps, 'default')) {
      await this.#requests.delete(configMaps, { namespace: 'default', name })
    }
  }

  async stop(): Promise<void> {
    this.#client.close()
    await this.#server[Symbol.asyncDispose]()
  }

  /** A validating policy, on ConfigMaps unless it says otherwise, and what binds it, with Deny. */
  async validating(
    spec: ValidatingAdmissionPolicySpec,
    binding: Partial<ValidatingAdmissionPolicyBindingSpec> = {},
    name = 'p',
  ): Promise<void> {
    await this.#requests.create(validatingAdmissionPolicies, {
      metadata: { name },
      spec: { matchConstraints: rulesOn('configmaps'), ...spec },
    })
    await this.#requests.create(validatingAdmissionPolicyBindings, {
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'], ...binding },
    })
  }

  /** A mutating policy, on ConfigMaps unless it says otherwise, and what binds it. */
  async mutating(spec: MutatingAdmissionPolicySpec, name = 'm'): Promise<void> {
    await this.#requests.create(mutatingAdmissionPolicies, {
      metadata: { name },
      spec: { matchConstraints: rulesOn('configmaps'), reinvocationPolicy: 'Never', ...spec },
    })
    await this.#requests.create(mutatingAdmissionPolicyBindings, {
      metadata: { name },
      spec: { policyName: name },
    })
  }

  /** Creates the ConfigMap `c`: `no refusal`, or why not. */
  create(data: Record<string, string> = {}): Promise<string> {
    const object: ConfigMap = { metadata: { name: 'c', namespace: 'default' }, data }
    return refusal(this.#requests.create(configMaps, object))
  }
}

/** A server for the tests of a suite, empty after each of them. */
export function usePolicyServer(): PolicyServer {
  const server = new PolicyServer()
  before(() => server.start())
  beforeEach(() => server.begin())
  afterEach(() => server.clear())
  after(() => server.stop())
  return server
}

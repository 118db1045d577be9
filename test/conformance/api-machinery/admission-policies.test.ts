import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  MatchResources,
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicySpec,
} from '../../../src/api/generated/admissionregistration.v1.ts'
import type { Deployment } from '../../../src/api/generated/apps.v1.ts'
import {
  deployments,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../src/api/generated/resources.ts'
import { isInvalid } from '../../../src/machinery/status-errors.ts'
import { aDeployment } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { inNamespace } from '../harness/webhooks.ts'

const rule = {
  operations: ['CREATE' as const, 'UPDATE' as const],
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  resources: ['deployments'],
}
const matchConstraints: MatchResources = { resourceRules: [rule] }

/** Asks, with a dry run each time, until the policy is in force: that takes the server a moment. */
async function untilInForce(
  { client, namespace }: Scope,
  isInForce: (answer: Deployment | undefined) => boolean,
): Promise<void> {
  for (;;) {
    const asked = client.create(deployments, aDeployment(namespace, 'marker', 0), { dryRun: 'All' })
    if (isInForce(await asked.catch(() => undefined))) return
  }
}

describe('validating admission policies', { concurrency: true }, () => {
  const cluster = sharedCluster()

  async function bind(
    { client, namespace }: Scope,
    spec: Omit<ValidatingAdmissionPolicySpec, 'matchConstraints'>,
  ): Promise<void> {
    const metadata = { name: `${namespace}.example.com` }
    await client.create(validatingAdmissionPolicies, { metadata, spec: { ...spec, matchConstraints } })
    await client.create(validatingAdmissionPolicyBindings, {
      metadata,
      spec: {
        policyName: metadata.name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: inNamespace(namespace) },
      },
    })
  }

  const rows: readonly (readonly [title: string, spec: ValidatingAdmissionPolicySpec])[] = [
    [
      'refuse what their expression is not true of',
      {
        validations: [{ expression: 'object.spec.replicas > 1', message: 'one replica is too few' }],
      },
    ],
    [
      'refuse by variables, which may be made of others',
      {
        variables: [
          { name: 'replicas', expression: 'object.spec.replicas' },
          { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
        ],
        validations: [
          { expression: 'variables.replicas > 1' },
          { expression: 'variables.oddReplicas || variables.replicas == 2' },
        ],
      },
    ],
  ]
  for (const [title, spec] of rows) {
    it(title, async () => {
      const scope = await cluster.scope()
      const { client, namespace } = scope
      await bind(scope, spec)
      await untilInForce(scope, (answer) => answer === undefined)
      await client.create(deployments, aDeployment(namespace, 'two', 2))
      await assert.rejects(client.create(deployments, aDeployment(namespace, 'one', 1)), isInvalid)
      const body = { spec: { replicas: 1 } }
      const shrink = client.patch(deployments, { namespace, name: 'two' }, { type: 'merge', body })
      await assert.rejects(shrink, isInvalid)
      assert.equal((await client.get(deployments, { namespace, name: 'two' })).spec?.replicas, 2)
    })
  }
})

describe('mutating admission policies', { concurrency: true }, () => {
  const cluster = sharedCluster()

  const rows: readonly (readonly [
    title: string,
    mutations: NonNullable<MutatingAdmissionPolicySpec['mutations']>,
    isMutated: (deployment: Deployment) => boolean,
  ])[] = [
    [
      'apply annotations to what is written',
      [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{metadata: Object.metadata{annotations: {'mutated-by': 'a policy'}}}`,
          },
        },
      ],
      ({ metadata }) => metadata?.annotations?.['mutated-by'] === 'a policy',
    ],
    [
      'patch the fields of what is written',
      [
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: `[JSONPatch{op: 'replace', path: '/spec/replicas', value: object.spec.replicas + 2}]`,
          },
        },
      ],
      ({ spec }) => spec?.replicas === 2,
    ],
  ]
  for (const [title, mutations, isMutated] of rows) {
    it(title, async () => {
      const scope = await cluster.scope()
      const { client, namespace } = scope
      const metadata = { name: `${namespace}.example.com` }
      const spec = { reinvocationPolicy: 'Never' as const, matchConstraints, mutations }
      await client.create(mutatingAdmissionPolicies, { metadata, spec })
      await client.create(mutatingAdmissionPolicyBindings, {
        metadata,
        spec: { policyName: metadata.name, matchResources: { namespaceSelector: inNamespace(namespace) } },
      })
      await untilInForce(scope, (answer) => answer !== undefined && isMutated(answer))
      assert.ok(isMutated(await client.create(deployments, aDeployment(namespace, 'one', 0))))
    })
  }
})

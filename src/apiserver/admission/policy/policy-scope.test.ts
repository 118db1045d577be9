import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ValidatingAdmissionPolicySpec } from '../../../api/generated/admissionregistration.v1.ts'
import {
  selfSubjectReviews,
  validatingAdmissionPolicies,
  validatingWebhookConfigurations,
} from '../../../api/generated/resources.ts'
import { systemClock } from '../../../machinery/clock.ts'
import { aDefinition, define } from '../../testing/custom-definitions.ts'
import { refusal } from '../../testing/test-requests.ts'
import { rulesOn, usePolicyServer, type PolicyServer } from '../testing/policy-server.ts'
import { isExemptFromPolicies } from '../matching/exempt.ts'

const onAll = rulesOn('*', '*', ['*'])
const everything = { resourceRules: [{ ...(onAll.resourceRules[0] as object), apiVersions: ['*'] }] as never }

/** The types that a policy is found not to fit. */
async function warningsOf(server: PolicyServer, spec: ValidatingAdmissionPolicySpec) {
  await server.validating(spec)
  for (;;) {
    const { status } = await server.requests.get(validatingAdmissionPolicies, { name: 'p' })
    if (status?.observedGeneration === 1) return status.typeChecking?.expressionWarnings ?? []
    await new Promise<void>((resolve) => void systemClock.after(5, resolve))
  }
}

describe('policies', () => {
  const server = usePolicyServer()

  it('guard the configurations of webhooks', async () => {
    await server.validating({
      matchConstraints: everything,
      validations: [{ expression: "request.kind.kind != 'ValidatingWebhookConfiguration'", message: 'no' }],
    })
    const created = server.requests.create(validatingWebhookConfigurations, { metadata: { name: 'v' } })
    assert.match(await refusal(created), /ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no$/)
  })

  it('are not asked about policies', async () => {
    await server.validating({ matchConstraints: everything, validations: [{ expression: 'false' }] })
    const removed = server.requests.delete(validatingAdmissionPolicies, { name: 'p' })
    assert.equal(await refusal(removed), 'no refusal')
  })

  it('are not asked about questions', () => {
    assert.equal(isExemptFromPolicies({ resource: selfSubjectReviews }), true)
  })

  it('know of a namespace what upstream shows', async () => {
    const spec = { validations: [{ expression: "namespaceObject.kind == ''" }] }
    assert.match(await refusal(server.validating(spec)), /undefined field 'kind'/)
  })

  it('know no namespace in their conditions', async () => {
    await server.validating({
      matchConditions: [{ name: 'c', expression: 'namespaceObject == null' }],
      validations: [{ expression: "namespaceObject.metadata.name != 'default'", message: 'reached' }],
    })
    assert.match(await server.create(), /reached$/)
  })

  it('are checked against the types of custom resources', async () => {
    const properties = { spec: { type: 'object', properties: { size: { type: 'string' } } } }
    await define(server.client, aDefinition({ v1: { properties } }))
    const warnings = await warningsOf(server, {
      matchConstraints: rulesOn('widgets', 'example.com'),
      validations: [{ expression: "object.spec.size == 'a'" }, { expression: 'object.spec.colour == 1' }],
    })
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!.warning, /^example\.com\/v1, Kind=Widget: ERROR: .*undefined field 'colour'/)
  })

  it('are checked in the order of the kinds, with parameters whose type nobody knows', async () => {
    const warnings = await warningsOf(server, {
      paramKind: { apiVersion: 'nobody.example.com/v1', kind: 'Limit' },
      matchConstraints: {
        resourceRules: [
          ...(rulesOn('secrets').resourceRules as readonly object[]),
          ...(rulesOn('configmaps').resourceRules as readonly object[]),
        ] as never,
      },
      validations: [{ expression: 'object.wrong == params.limit' }],
    })
    const kinds = warnings[0]?.warning.match(/Kind=\w+/g)
    assert.deepEqual(kinds, ['Kind=ConfigMap', 'Kind=Secret'])
    assert.doesNotMatch(warnings[0]!.warning, /undeclared/)
  })
})

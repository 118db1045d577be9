import assert from 'node:assert/strict'
import type { Pod } from '../../src/api/generated/core.v1.ts'
import { decodeJsonBody } from '../../src/api/decode-body.ts'
import { schemaOf } from '../../src/api/scheme.ts'
import { applyPatch, readPatch } from '../../src/apiserver/registry/apply-patch.ts'
import type { PatchType } from '../../src/apiserver/registry/request.ts'
import { applyPatch as applyConfiguration } from '../../src/machinery/apply/apply-patch.ts'
import { jsonEqual } from '../../src/machinery/equal.ts'
import { deepFreeze } from '../../src/machinery/freeze.ts'
import type { JsonValue, KubernetesObject } from '../../src/machinery/meta.ts'
import { applyMergePatch } from '../../src/machinery/patch/merge-patch.ts'
import { StatusError } from '../../src/machinery/status.ts'
import type { FuzzTarget } from './fuzz.ts'
import { expecting } from './outcome.ts'

const schema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!

const aPod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'default', labels: { app: 'web' }, finalizers: ['x/y'] },
  spec: {
    containers: [
      { name: 'c', image: 'one', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: '1' }] },
      { name: 'd', image: 'two' },
    ],
    tolerations: [{ key: 'k', operator: 'Exists' }],
    volumes: [{ name: 'v', emptyDir: {} }],
  },
}

/** As the pipeline has it, and frozen: a patch makes another object. */
const stored = deepFreeze<KubernetesObject>(
  decodeJsonBody(Buffer.from(JSON.stringify(aPod)), { schemaOf }).object,
)

function patchTarget(name: string, type: Exclude<PatchType, 'apply'>): FuzzTarget {
  return {
    name,
    run: (input) =>
      expecting([StatusError], () => {
        const options = { fieldValidation: 'Warn' } as const
        const patch = readPatch({ type, bytes: input }, options)
        const patched = applyPatch({ schema }, stored, patch, options, { warn: () => {} })
        // What is stored can be read again.
        decodeJsonBody(Buffer.from(JSON.stringify(patched)), { schemaOf })
        if (type === 'merge') {
          const value = patch.value as JsonValue
          const once = applyMergePatch(stored as unknown as JsonValue, value)
          assert.ok(jsonEqual(applyMergePatch(once, value), once))
        }
        return Object.keys(patched.metadata ?? {}).join()
      }),
  }
}

export const patchTargets: readonly FuzzTarget[] = [
  patchTarget('json-patch', 'json'),
  patchTarget('merge-patch', 'merge'),
  patchTarget('strategic-merge-patch', 'strategic'),
  {
    name: 'apply',
    run: (input) =>
      expecting([StatusError], () => {
        const { value } = readPatch({ type: 'apply', bytes: input }, {})
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'no object'
        const request = {
          schema,
          apiVersion: 'v1',
          kind: 'Pod',
          manager: 'fuzz',
          force: true,
          patch: value,
          now: 0,
        }
        const applied = applyConfiguration({ ...request, live: stored })
        // Whoever applies the same again changes nothing.
        const again = applyConfiguration({ ...request, live: applied, now: 60_000 })
        assert.ok(jsonEqual(again, applied))
        return Object.keys(applied).join()
      }),
  },
]

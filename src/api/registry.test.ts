import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { KubernetesObject, Writable } from '../machinery/meta.ts'
import { apiVersionOf } from '../machinery/resource.ts'
import { loadExpressions } from './admissionregistration/expression-loader.ts'
import { planOf, zeroObject } from './decode-plan.ts'
import { decode } from './decode.ts'
import type { ResourceDefinition } from './definition.ts'
import { builtInDefinitions } from './registry.ts'
import { schemaOf } from './scheme.ts'

const user = { name: 'tester', groups: [] }

/** Sends an object through all that a strategy does; what it says of the object does not matter here. */
function exercise({ strategy, columns = [], selectableFields }: ResourceDefinition, value: unknown): void {
  const object = value as KubernetesObject
  const fresh = () => structuredClone(object) as Writable<KubernetesObject>
  const wanted = fresh()
  strategy.defaults?.(wanted)
  const defaulted = structuredClone(wanted)
  strategy.defaults?.(wanted)
  assert.deepEqual(wanted, defaulted, 'defaults are idempotent')
  strategy.prepareForCreate?.(wanted, { user, warn: () => {} })
  strategy.validate?.(wanted)
  strategy.warnings?.(wanted)
  const next = fresh()
  strategy.defaults?.(next)
  strategy.prepareForUpdate?.(next, wanted)
  strategy.validateUpdate?.(next, wanted)
  strategy.warnings?.(next, wanted)
  strategy.status?.prepareForUpdate?.(next, wanted)
  strategy.status?.validateUpdate?.(next, wanted)
  for (const { cell } of columns) cell(object, 0)
  selectableFields?.(object)
}

test('strategies take objects in which everything is absent or zero', async () => {
  await loadExpressions()
  for (const definition of builtInDefinitions) {
    await definition.loadWrites?.()
    const schema = schemaOf(definition.resource)!
    exercise(definition, zeroObject(planOf(schema)))
    exercise(definition, decode({ metadata: {}, spec: {}, status: {} }, schema))
  }
})

const repository = join(import.meta.dirname, '../..')
const source = process.env.K8TS_API_SOURCE ?? join(repository, '.cache/kubernetes-api/root')
const folder = join(source, 'usr/share/gocode/src/k8s.io/api/testdata/HEAD')
/** That of definitions stands in a library of its own. */
const folders = [
  folder,
  join(source, 'usr/share/gocode/src/k8s.io/apiextensions-apiserver/pkg/apis/testdata/HEAD'),
].filter((each) => existsSync(each))
const skip = existsSync(folder)
  ? false
  : `no golden files in ${folder}: run scripts/generate-api, or set K8TS_API_SOURCE`

test('strategies take objects that have every field', { skip }, async () => {
  await loadExpressions()
  const files = new Map(folders.flatMap((folder) => readdirSync(folder).map((file) => [file, folder])))
  for (const definition of builtInDefinitions) {
    await definition.loadWrites?.()
    for (const { resource } of [definition, ...(definition.alsoServedAs ?? [])]) {
      const file = `${resource.group === '' ? 'core' : resource.group}.${resource.version}.${resource.kind}.json`
      // Upstream has none of this kind.
      if (resource.kind === 'APIService') continue
      assert.ok(files.has(file), `${apiVersionOf(resource)} ${resource.kind} has a golden file`)
      if (resource !== definition.resource) continue
      const golden: unknown = JSON.parse(readFileSync(join(files.get(file)!, file), 'utf8'))
      exercise(definition, decode(golden, schemaOf(resource)!))
    }
  }
})

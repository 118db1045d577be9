import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { JsonValue } from '../meta.ts'
import type { ObjectSchema } from '../schema.ts'
import { compareTyped } from './compare.ts'
import { difference, intersection, isEmptySet, recursiveDifference, union } from './field-set.ts'
import { mergeTyped } from './merge.ts'
import { withNamedMembers } from './named-members.ts'
import { ManagedValue, printConflicts } from './testing/managed-value.ts'
import { closedObjectSchemas, objectSchemas, valuesOf } from './testing/typed-values.ts'
import { toFieldSet } from './to-field-set.ts'

/** What holds for values of every type: of structs, maps, sets, keyed lists, atomic values, and values of any type. */

interface Write {
  readonly manager: string
  readonly isApply: boolean
  readonly value: JsonValue
}

interface Scene {
  readonly schema: ObjectSchema
  readonly history: readonly Write[]
  readonly first: JsonValue
  readonly second: JsonValue
}

/** A type, a history of writes of such values, and two more configurations. */
function scenesOf(schemas: fc.Arbitrary<ObjectSchema>): fc.Arbitrary<Scene> {
  return schemas.chain((schema) => {
    const values = valuesOf(schema)
    const write = fc.record({ manager: fc.constantFrom('a', 'b'), isApply: fc.boolean(), value: values })
    return fc.record({
      schema: fc.constant(schema),
      history: fc.array(write, { maxLength: 4 }),
      first: values,
      second: values,
    })
  })
}

function check(predicate: (scene: Scene) => void, schemas = objectSchemas): void {
  fc.assert(fc.property(scenesOf(schemas), predicate), { numRuns: 300 })
}

function after({ schema, history }: Scene): ManagedValue {
  return history.reduce(
    (live, { manager, isApply, value }) =>
      isApply ? live.apply(manager, value, { force: true }) : live.update(manager, value),
    new ManagedValue({ v1: schema }),
  )
}

/** With the items of lists in one order: which came first is no matter of what is there. */
function content(value: JsonValue): unknown {
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((item) => JSON.stringify(content(item))).toSorted()
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, content(item)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

test('applying the same again changes neither the value nor who owns it', () => {
  check((scene) => {
    const live = after(scene).apply('one', scene.first, { force: true })
    const again = live.apply('one', scene.first)
    assert.equal(again.value, live.value)
    assert.deepEqual(again.owners(), live.owners())
  })
})

test('an atomic list that is applied as it is stays the same one', () => {
  const list = { type: 'list', items: { type: 'any' }, listType: 'atomic' } as const
  const live = [{ a: 1 }]
  assert.equal(mergeTyped(live, [{ a: 1 }], list), live)
})

test('an applier owns what it applies, no more and no less, and it is there', () => {
  check((scene) => {
    const live = after(scene)
      .apply('one', scene.second, { force: true })
      .apply('one', scene.first, { force: true })
    assert.deepEqual(live.fieldsOf('one'), toFieldSet(scene.first, scene.schema))
    assert.equal(mergeTyped(live.value, scene.first, scene.schema), live.value)
  })
})

test('appliers that are in no conflict may come in any order', () => {
  check(({ schema, first, second }) => {
    const nothing = new ManagedValue({ v1: schema })
    const inOrder = nothing.apply('one', first).tryApply('two', second)
    const inReverse = nothing.apply('two', second).tryApply('one', first)
    assert.equal(inOrder instanceof ManagedValue, inReverse instanceof ManagedValue)
    if (!(inOrder instanceof ManagedValue) || !(inReverse instanceof ManagedValue)) return
    assert.deepEqual(content(inOrder.value), content(inReverse.value))
    assert.deepEqual(inOrder.owners(), inReverse.owners())
  }, closedObjectSchemas)
})

test('conflicts name what force would take, and nothing else', () => {
  check((scene) => {
    const before = after(scene)
    const outcome = before.tryApply('one', scene.first)
    const forced = before.apply('one', scene.first, { force: true })
    const taken = Object.entries(before.owners()).flatMap(([owner, paths]) => {
      const kept = new Set(forced.owners()[owner])
      return paths.filter((path) => !kept.has(path)).map((path) => `${owner} ${path}`)
    })
    const named = outcome instanceof ManagedValue ? [] : printConflicts(outcome)
    for (const conflict of named) assert.ok(taken.includes(conflict), conflict)
    if (named.length > 0) return
    assert.deepEqual((outcome as ManagedValue).value, forced.value)
    assert.deepEqual((outcome as ManagedValue).owners(), forced.owners())
  })
})

test('who forces owns alone what it changes', () => {
  check((scene) => {
    const before = after(scene)
    const forced = before.apply('one', scene.first, { force: true })
    const { modified, added } = compareTyped(before.value, forced.value, scene.schema)
    for (const manager of ['a', 'b']) {
      for (const operation of ['Apply', 'Update'] as const) {
        assert.ok(isEmptySet(intersection(forced.fieldsOf(manager, operation), union(modified, added))))
      }
    }
  })
})

test('an update owns alone what it changes, and what it removes belongs to nobody', () => {
  check((scene) => {
    const before = after(scene)
    const live = before.update('one', scene.first)
    const { modified, added, removed } = compareTyped(before.value, scene.first, scene.schema)
    const changed = union(modified, added)
    assert.deepEqual(live.fieldsOf('one', 'Update'), changed)
    for (const manager of ['a', 'b']) {
      for (const operation of ['Apply', 'Update'] as const) {
        const fields = live.fieldsOf(manager, operation)
        assert.ok(isEmptySet(intersection(fields, union(changed, removed))))
      }
    }
  })
})

test('what nobody owns stays, whatever is applied and given up beside it', () => {
  check((scene) => {
    const { schema, first, second } = scene
    const before = after(scene)
    const everything = toFieldSet(before.value, schema)
    const unowned = before.disown(everything)
    const applied = unowned.apply('one', first, { force: true }).apply('one', second, { force: true })
    const earlier = withNamedMembers(toFieldSet(first, schema), schema)
    const later = withNamedMembers(toFieldSet(second, schema), schema)
    const { removed, modified } = compareTyped(before.value, applied.value, schema)
    const lost = difference(union(removed, modified), union(earlier, later))
    // What is given up as a whole goes with all that is in it.
    assert.deepEqual(recursiveDifference(lost, difference(earlier, later)), {})
  }, closedObjectSchemas)
})

test('what is given up goes, unless it belongs to another', () => {
  check(({ schema, first, second }) => {
    const both = new ManagedValue({ v1: schema }).apply('one', first).tryApply('two', second)
    if (!(both instanceof ManagedValue)) return
    const alone = new ManagedValue({ v1: schema }).apply('one', first)
    const left = both.apply('two', {})
    assert.deepEqual(content(left.value), content(alone.value))
    assert.deepEqual(left.owners(), alone.owners())
  }, closedObjectSchemas)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { deepFreeze } from '../freeze.ts'
import type { JsonValue, KubernetesObject } from '../meta.ts'
import { StatusError } from '../status.ts'
import { deploymentSchema } from '../testing/deployment-schema.ts'
import { formatTime } from '../time.ts'
import { applyPatch } from './apply-patch.ts'
import { pathsOf, type FieldSet } from './field-set.ts'
import { printPath } from './path-element.ts'
import { updateManagedFields } from './update-managed-fields.ts'

const start = Date.UTC(2026, 0, 1)

type Deployment = KubernetesObject & { readonly spec?: Readonly<Record<string, JsonValue>> }

function configuration(spec: object, metadata: object = {}): Deployment {
  const isEmpty = Object.keys(spec).length === 0
  const name = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata } }
  return (isEmpty ? name : { ...name, spec }) as Deployment
}

function apply(
  live: Deployment | undefined,
  patch: Deployment,
  manager: string,
  options: { force?: boolean; now?: number; subresource?: string } = {},
): Deployment {
  const request = {
    live,
    patch,
    manager,
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    schema: deploymentSchema,
  }
  const result = applyPatch(deepFreeze({ ...request, now: start, ...options })) as Deployment
  return live ? result : { ...result, metadata: { ...result.metadata, uid: '1' } }
}

function update(live: Deployment | undefined, next: Deployment, manager: string, now = start): Deployment {
  const managedFields = updateManagedFields({
    live,
    next,
    manager,
    now,
    schema: deploymentSchema,
    apiVersion: 'apps/v1',
  })
  return { ...next, metadata: { ...next.metadata, uid: '1', ...(managedFields && { managedFields }) } }
}

/** `manager` → what it owns, as paths. */
function owners(object: KubernetesObject): Record<string, string[]> {
  return Object.fromEntries(
    (object.metadata?.managedFields ?? []).map(({ manager = '', operation, fieldsV1 = {} }) => [
      `${manager} ${operation}`,
      pathsOf(fieldsV1).map(printPath),
    ]),
  )
}

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error))
    return `${error.status.code} ${error.message}`
  }
  return assert.fail('nothing was thrown')
}

test('applying creates an object that the applier owns', () => {
  const created = apply(
    undefined,
    configuration({ replicas: 1, containers: [{ name: 'c', image: 'i' }] }),
    'me',
  )
  assert.deepEqual(created.spec, { replicas: 1, containers: [{ name: 'c', image: 'i' }] })
  assert.deepEqual(created.metadata?.managedFields, [
    {
      manager: 'me',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: formatTime(start),
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
          'f:replicas': {},
        },
      },
    },
  ])
})

test('what is applied no longer is removed, unless others own it', () => {
  const first = apply(
    undefined,
    configuration({ replicas: 1, paused: true, strategy: { type: 'R' } }, { labels: { a: '1', b: '2' } }),
    'me',
  )
  const shared = apply(first, configuration({ paused: true }), 'other')
  const second = apply(shared, configuration({ replicas: 1 }, { labels: { a: '1' } }), 'me')
  assert.deepEqual(second.spec, { replicas: 1, paused: true })
  assert.deepEqual(second.metadata?.labels, { a: '1' })
  assert.deepEqual(owners(second), {
    'me Apply': ['.metadata.labels.a', '.spec.replicas'],
    'other Apply': ['.spec.paused'],
  })
})

test('what nobody owns, or an updater added inside, stays', () => {
  const first = apply(
    undefined,
    configuration({ containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: 'a' }] }] }),
    'me',
  )
  const env = [
    { name: 'A', value: 'a' },
    { name: 'B', value: 'b' },
  ]
  const updated = update(
    first,
    { ...first, spec: { containers: [{ name: 'c', image: 'i', env }] } },
    'updater',
  )
  const second = apply(updated, configuration({ containers: [{ name: 'c', image: 'i' }] }), 'me')
  assert.deepEqual(second.spec, { containers: [{ name: 'c', image: 'i', env: [{ name: 'B', value: 'b' }] }] })

  const untracked = { ...first, spec: { ...first.spec, paused: true } }
  assert.equal(apply(untracked, configuration({ replicas: 3 }), 'me').spec?.['paused'], true)
})

test('a conflict names the other manager', () => {
  const live = update(undefined, configuration({ replicas: 1, paused: false }), 'kubectl-client-side-apply')
  assert.equal(
    messageOf(() => apply(live, configuration({ replicas: 2 }), 'me')),
    '409 Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
  )
  const applied = apply(live, configuration({ strategy: { type: 'R' } }), 'applier')
  assert.equal(
    messageOf(() =>
      apply(applied, configuration({ replicas: 2, paused: true, strategy: { type: 'S' } }), 'me'),
    ),
    '409 Apply failed with 3 conflicts: conflicts with "applier":\n- .spec.strategy.type\n' +
      'conflicts with "kubectl-client-side-apply" using apps/v1:\n- .spec.paused\n- .spec.replicas',
  )
  assert.deepEqual(
    (() => {
      try {
        return apply(live, configuration({ replicas: 2 }), 'me')
      } catch (error) {
        return (error as StatusError).status.details
      }
    })(),
    {
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-client-side-apply" using apps/v1',
          field: '.spec.replicas',
        },
      ],
    },
  )
})

test('conflicts name the subresource', () => {
  const live = update(undefined, configuration({ replicas: 1 }), 'a')
  const [entry] = live.metadata!.managedFields!
  const scaled = {
    ...live,
    metadata: { ...live.metadata, managedFields: [{ ...entry, subresource: 'scale' }] },
  }
  assert.equal(
    messageOf(() => apply(scaled, configuration({ replicas: 2 }), 'me')),
    '409 Apply failed with 1 conflict: conflict with "a" with subresource "scale" using apps/v1: .spec.replicas',
  )
})

test('force takes the fields over', () => {
  const live = update(undefined, configuration({ replicas: 1, paused: true }), 'a')
  const forced = apply(live, configuration({ replicas: 2 }), 'me', { force: true })
  assert.equal(forced.spec?.['replicas'], 2)
  assert.deepEqual(owners(forced), { 'me Apply': ['.spec.replicas'], 'a Update': ['.spec.paused'] })
})

test('the same value is shared, not fought over', () => {
  const live = update(undefined, configuration({ replicas: 1 }), 'a')
  const shared = apply(live, configuration({ replicas: 1 }), 'me')
  assert.deepEqual(owners(shared), { 'me Apply': ['.spec.replicas'], 'a Update': ['.spec.replicas'] })
})

test('objects without managedFields belong to before-first-apply', () => {
  const live = configuration({ replicas: 1, paused: true }, { uid: '1' })
  const applied = apply(live, configuration({ paused: true }), 'me')
  assert.deepEqual(owners(applied), {
    'me Apply': ['.spec.paused'],
    'before-first-apply Update': ['.spec.paused', '.spec.replicas'],
  })
})

test('atomic values are owned and replaced as one', () => {
  const first = apply(
    undefined,
    configuration({
      nodeSelector: { a: '1', b: '2' },
      containers: [{ name: 'c', args: ['x', 'y'] }],
      selector: { matchLabels: { a: 'b' } },
    }),
    'me',
  )
  assert.deepEqual(owners(first)['me Apply'], [
    '.spec.nodeSelector',
    '.spec.selector',
    '.spec.containers[name="c"]',
    '.spec.containers[name="c"].args',
    '.spec.containers[name="c"].name',
  ])
  const second = apply(
    first,
    configuration({ nodeSelector: { c: '3' }, containers: [{ name: 'c', args: ['z'] }], selector: {} }),
    'me',
  )
  assert.deepEqual(second.spec, {
    nodeSelector: { c: '3' },
    containers: [{ name: 'c', args: ['z'] }],
    selector: {},
  })
})

test('items follow the applied order, others keep their places', () => {
  const live = apply(
    undefined,
    configuration({ containers: ['a', 'b', 'c', 'd'].map((name) => ({ name })) }),
    'other',
  )
  const merged = apply(live, configuration({ containers: ['d', 'x', 'b'].map((name) => ({ name })) }), 'me')
  assert.deepEqual(
    (merged.spec!['containers'] as { name: string }[]).map(({ name }) => name),
    ['a', 'c', 'd', 'x', 'b'],
  )
})

test('keys with defaults may be left out', () => {
  const live = apply(
    undefined,
    configuration({ containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP' }] }] }),
    'a',
  )
  const merged = apply(
    live,
    configuration({ containers: [{ name: 'c', ports: [{ containerPort: 80, name: 'http' }] }] }),
    'me',
  )
  assert.deepEqual(merged.spec, {
    containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }] }],
  })
})

test('sets are owned item by item', () => {
  const first = apply(undefined, configuration({}, { finalizers: ['a/x', 'b/y'] }), 'one')
  const second = apply(first, configuration({}, { finalizers: ['b/y', 'c/z'] }), 'two')
  assert.deepEqual(second.metadata?.finalizers, ['a/x', 'b/y', 'c/z'])
  const third = apply(second, configuration({}, {}), 'one')
  assert.deepEqual(third.metadata?.finalizers, ['b/y', 'c/z'])
})

test('what the schema leaves open is merged key by key, lists as one', () => {
  const first = apply(undefined, configuration({ anything: { a: { b: 1 }, list: [1, 2] } }), 'one')
  const second = apply(first, configuration({ anything: { a: { c: 2 } } }), 'two')
  assert.deepEqual(second.spec, { anything: { a: { b: 1, c: 2 }, list: [1, 2] } })
  const third = apply(second, configuration({}), 'one')
  assert.deepEqual(third.spec, { anything: { a: { c: 2 } } })
})

test('configurations that do not fit are refused in upstream words', () => {
  const live = apply(undefined, configuration({ replicas: 1 }), 'me')
  const rows: readonly (readonly [Deployment, string])[] = [
    [{ ...configuration({}), kind: 'Pod' }, '400 invalid object type: apps/v1, Kind=Pod'],
    [{ ...configuration({}), apiVersion: 'v1' }, '400 invalid object type: /v1, Kind=Deployment'],
    [{ ...configuration({}), apiVersion: null } as never, '400 invalid object type: /, Kind=Deployment'],
    [configuration({}, { managedFields: [{}] }), '400 metadata.managedFields must be nil'],
    [
      configuration({ replica: 1 }, { namespace: 'default' }),
      '500 failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ' +
        '.spec.replica: field not declared in schema',
    ],
    [
      configuration({ replicas: 'x', containers: [{ name: 'c' }, { name: 'c', image: 80 }, {}] }),
      '500 failed to create typed patch object (/web; apps/v1, Kind=Deployment): errors:\n' +
        '  .spec.replicas: expected numeric (int or float), got string\n' +
        '  .spec.containers: duplicate entries for key [name="c"]\n' +
        '  .spec.containers[name="c"].image: expected string, got &value.valueUnstructured{Value:80}\n' +
        '  .spec.containers: element 2: associative list with keys has an element that omits all key fields ["name"] ' +
        "(and doesn't have default values for any key fields)",
    ],
    [
      configuration({ containers: {} }),
      '500 failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.containers: expected list, got &{map[]}',
    ],
  ]
  for (const [patch, message] of rows)
    assert.equal(
      messageOf(() => apply(live, patch, 'me')),
      message,
    )
})

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

test('kubectl moves from client-side to server-side apply without conflicts', () => {
  const applied = configuration({ replicas: 1, paused: true })
  const annotations = { [lastApplied]: JSON.stringify(applied) }
  const live = update(undefined, configuration(applied.spec!, { annotations }), 'kubectl-client-side-apply')
  const upgraded = apply(live, configuration({ replicas: 2 }), 'kubectl')
  assert.equal(upgraded.spec?.['replicas'], 2)
  assert.equal(
    upgraded.metadata?.annotations?.[lastApplied],
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":2}}\n',
  )
  assert.match(
    messageOf(() => apply(live, configuration({ replicas: 2 }), 'me')),
    /^409 /,
  )

  const scaled = update(live, { ...live, spec: { replicas: 5, paused: true } }, 'autoscaler')
  assert.equal(
    messageOf(() => apply(scaled, configuration({ replicas: 2, paused: false }), 'kubectl')),
    '409 Apply failed with 1 conflict: conflict with "autoscaler" using apps/v1: .spec.replicas',
  )
})

test('an apply that changes nothing answers with the live object', () => {
  const live = apply(undefined, configuration({ replicas: 1 }), 'me')
  assert.equal(apply(live, configuration({ replicas: 1 }), 'me', { now: start + 5000 }), live)
})

test('giving up everything removes the manager', () => {
  const live = apply(
    apply(undefined, configuration({ replicas: 1 }), 'one'),
    configuration({ paused: true }),
    'two',
  )
  const rest = apply(live, configuration({}), 'one')
  assert.deepEqual(rest.spec, { paused: true })
  assert.deepEqual(owners(rest), { 'two Apply': ['.spec.paused'] })
})

const names = fc.constantFrom('a', 'b', 'c')
const configurations = fc
  .record(
    {
      replicas: fc.nat(3),
      nodeSelector: fc.dictionary(names, names, { noNullPrototype: true }),
      containers: fc.uniqueArray(
        fc.record(
          {
            name: names,
            image: names,
            env: fc.uniqueArray(fc.record({ name: names, value: names }, { noNullPrototype: true }), {
              selector: ({ name }) => name,
              minLength: 1,
            }),
          },
          { requiredKeys: ['name'], noNullPrototype: true },
        ),
        { selector: ({ name }) => name, minLength: 1 },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .chain((spec) =>
    fc
      .record(
        {
          labels: fc.dictionary(names, names, { minKeys: 1, noNullPrototype: true }),
          finalizers: fc.uniqueArray(names, { minLength: 1 }),
        },
        // Empty lists are owned by nobody. An applier that owns nothing leaves no trace, and the next one finds an object without history.
        { requiredKeys: ['labels'], noNullPrototype: true },
      )
      .map((metadata) => configuration(spec, metadata)),
  )

const applied = fc.array(fc.tuple(fc.constantFrom('one', 'two'), configurations), {
  minLength: 1,
  maxLength: 4,
})

function applyAll(steps: readonly (readonly [string, Deployment])[]): Deployment {
  return steps.reduce<Deployment | undefined>(
    (live, [manager, patch]) => apply(live, patch, manager, { force: true }),
    undefined,
  )!
}

test('applying again changes nothing', () => {
  fc.assert(
    fc.property(applied, (steps) => {
      const live = applyAll(steps)
      const [manager, patch] = steps.at(-1)!
      const again = apply(live, patch, manager, { now: start + 9000 })
      assert.deepEqual(again, live)
    }),
  )
})

/** Each path of the configuration has the manager's name in it, so that two managers cannot meet. */
function separate(patch: Deployment, manager: string): Deployment {
  const renamed = JSON.parse(JSON.stringify(patch).replaceAll(/"([abc])"/g, `"${manager}$1"`)) as Deployment
  const { replicas: _, nodeSelector: __, ...spec } = renamed.spec ?? {}
  const { spec: ___, ...rest } = renamed
  return Object.keys(spec).length === 0 ? rest : { ...rest, spec }
}

/** As sets: the order of items depends on who came first. */
function content(object: Deployment): unknown {
  return JSON.parse(JSON.stringify(object), (_, value: unknown) => {
    if (Array.isArray(value)) return value.map((item) => JSON.stringify(item)).sort()
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

test('the order of appliers that do not conflict does not matter', () => {
  fc.assert(
    fc.property(configurations, configurations, (first, second) => {
      const one = ['one', separate(first, 'one')] as const
      const two = ['two', separate(second, 'two')] as const
      assert.deepEqual(content(applyAll([one, two])), content(applyAll([two, one])))
    }),
  )
})

test('an applier that leaves restores what was there without it', () => {
  fc.assert(
    fc.property(configurations, configurations, (first, second) => {
      const alone = applyAll([['one', separate(first, 'one')]])
      const both = apply(alone, separate(second, 'two'), 'two')
      const left = apply(both, configuration({}), 'two')
      assert.deepEqual(content(left), content(alone))
    }),
  )
})

test('every field of a configuration is then owned by its manager', () => {
  fc.assert(
    fc.property(applied, (steps) => {
      const live = applyAll(steps)
      const [manager, patch] = steps.at(-1)!
      const alone = applyAll([[manager, patch]])
      const fieldsOf = (object: Deployment): FieldSet | undefined =>
        object.metadata?.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1
      assert.deepEqual(fieldsOf(live), fieldsOf(alone))
    }),
  )
})

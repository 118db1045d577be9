import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CelBudget } from './budget.ts'
import { createCelEnvironment } from './environment.ts'
import { structuralDeclaration } from './structural-declaration.ts'
import type { StructuralSchema } from './structural-schema.ts'

/** Expressions that hold of `self`, and what evaluating them costs. Facts of apiextensions-apiserver's own tests. */
interface Group {
  readonly self: unknown
  readonly schema: StructuralSchema
  readonly costs: Readonly<Record<string, number>>
}

const text: StructuralSchema = { type: 'string' }
const integer: StructuralSchema = { type: 'integer' }
const number: StructuralSchema = { type: 'number' }

function object(properties: Readonly<Record<string, StructuralSchema>>): StructuralSchema {
  return { type: 'object', properties }
}
function list(items: StructuralSchema): StructuralSchema {
  return { type: 'array', items }
}
function map(values: StructuralSchema): StructuralSchema {
  return { type: 'object', additionalProperties: values }
}
const set = (items: StructuralSchema): StructuralSchema => ({
  ...list(items),
  'x-kubernetes-list-type': 'set',
})
const listMap = (items: StructuralSchema): StructuralSchema => ({
  ...list(items),
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['k'],
})

const groups: Readonly<Record<string, Group>> = {
  'numeric comparisons': {
    self: { val1: 5, val4: 10, val5: 10, val6: 10, val7: 10 },
    schema: object({ val1: integer, val4: number, val5: number, val6: number, val7: number }),
    costs: {
      'double(self.val1) < self.val4': 6,
      'self.val1 < int(self.val4)': 6,
      'double(self.val1) < self.val5': 6,
      'self.val1 < int(self.val5)': 6,
      'double(self.val1) < self.val6': 6,
      'self.val1 < int(self.val6)': 6,
      'double(5) < 10.0': 1,
      '5 < int(10.0)': 1,
      'double(self.val1) < 10.0': 4,
    },
  },
  'unicode strings': {
    self: { val1: 'Rook takes 👑', val2: 'Rook takes 👑' },
    schema: object({ val1: text, val2: text }),
    costs: {
      "self.val1.startsWith('Rook')": 3,
      "!self.val1.startsWith('knight')": 4,
      "self.val1.matches('^[^0-9]*$')": 8,
      "!self.val1.matches('^[0-9]*$')": 7,
      'type(self.val1) == string': 4,
      'size(self.val1) == 12': 4,
      "self.val1.charAt(3) == 'k'": 4,
      "self.val1.indexOf('o') == 1": 4,
      "self.val1.indexOf('o', 2) == 2": 4,
      "self.val1.replace(' ', 'x') == 'Rookxtakesx👑'": 7,
      "self.val1.replace(' ', 'x', 1) == 'Rookxtakes 👑'": 7,
      "self.val1.split(' ') == ['Rook', 'takes', '👑']": 6,
      "self.val1.split(' ', 2) == ['Rook', 'takes 👑']": 6,
      "self.val1.substring(5) == 'takes 👑'": 5,
      "self.val1.substring(0, 4) == 'Rook'": 5,
      "self.val1.substring(4, 10).trim() == 'takes'": 6,
      "self.val1.upperAscii() == 'ROOK TAKES 👑'": 6,
      "self.val1.lowerAscii() == 'rook takes 👑'": 6,
      'self.val1.lowerAscii() == self.val1.lowerAscii()': 10,
      "'%d %s %f %s %s'.format([1, 'abc', 1.0, duration('1m'), timestamp('2000-01-01T00:00:00.000Z')]) == '1 abc 1.000000 60s 2000-01-01T00:00:00Z'": 6,
      "'%e'.format([3.14]) == '3.140000×10⁰⁰'": 3,
      "'%o %o %o'.format([7, 8, 9]) == '7 10 11'": 2,
      "'%b %b %b'.format([7, 8, 9]) == '111 1000 1001'": 3,
    },
  },
  bytes: {
    self: { val1: 'QUI=', val2: 'QUI=' },
    schema: object({ val1: { type: 'string', format: 'byte' }, val2: { type: 'string', format: 'byte' } }),
    costs: {
      'self.val1 == self.val2': 5,
      "self.val1 == b'AB'": 3,
      'type(self.val1) == bytes': 4,
      'size(self.val1) == 2': 4,
    },
  },
  'duration format': {
    self: { val1: '1h2m3s4ms', val2: '1h2m3s4ms' },
    schema: object({
      val1: { type: 'string', format: 'duration' },
      val2: { type: 'string', format: 'duration' },
    }),
    costs: {
      "self.val1 == duration('1h2m') + duration('3s4ms')": 4,
      'self.val1.getHours() == 1': 4,
      'type(self.val1) == google.protobuf.Duration': 4,
    },
  },
  'date-time format': {
    self: { val1: '2011-08-18T19:03:37.010000000+01:00' },
    schema: object({ val1: { type: 'string', format: 'date-time' } }),
    costs: {
      "self.val1 == timestamp('2011-08-18T00:00:00.000+01:00') + duration('19h3m37s10ms')": 4,
      "self.val1.getDate('01:00') == 18": 4,
      'type(self.val1) == google.protobuf.Timestamp': 4,
    },
  },
  enums: {
    self: { enumStr: 'Pending' },
    schema: object({
      enumStr: { type: 'string', enum: ['Pending', 'Available', 'Bound', 'Released', 'Failed'] },
    }),
    costs: {
      "self.enumStr == 'Pending'": 3,
      "self.enumStr in ['Pending', 'Available']": 2,
    },
  },
  lists: {
    self: { val1: [1, 2, 3], val2: [1, 2, 3] },
    schema: object({ val1: list(integer), val2: list(integer) }),
    costs: {
      '1 in self.val1': 5,
      'self.val2[0] in self.val1': 8,
      '!(0 in self.val1)': 6,
      'self.val1 + self.val2 == [1, 2, 3, 1, 2, 3]': 6,
      'self.val1 + [4, 5] == [1, 2, 3, 4, 5]': 4,
      'has(self.val1)': 1,
      'has(self.val1) && has(self.val2)': 2,
    },
  },
  listSets: {
    self: { val1: ['a', 'b', 'c'], val2: ['a', 'c', 'b'], val3: Array.from({ length: 1000 }, (_, at) => at) },
    schema: object({ val1: set(text), val2: set(text), val3: set(integer) }),
    costs: {
      "self.val1 == ['c', 'b', 'a']": 3,
      'self.val1 == self.val2': 5,
      "'a' in self.val1": 5,
      'self.val2[0] in self.val1': 8,
      "!('x' in self.val1)": 6,
      "self.val1 + self.val2 == ['a', 'b', 'c']": 6,
      "self.val1 + ['c', 'd'] == ['a', 'b', 'c', 'd']": 4,
      "sets.contains(self.val1, ['a'])": 6,
      "sets.equivalent(self.val1, ['a', 'b', 'c'])": 21,
      "sets.intersects(self.val1, ['a'])": 6,
      'sets.contains(self.val3, [1])': 1003,
      '!sets.equivalent(self.val3, [1, 2, 3])': 6004,
      'sets.intersects(self.val3, [1])': 1003,
    },
  },
  listMaps: {
    self: {
      objs: [
        [
          { k: 'a', v: '1' },
          { k: 'b', v: '2' },
        ],
        [
          { k: 'b', v: '2' },
          { k: 'a', v: '1' },
        ],
        [
          { k: 'b', v: '3' },
          { k: 'a', v: '1' },
        ],
        [{ k: 'c', v: '4' }],
      ],
    },
    schema: object({ objs: list(listMap(object({ k: text, v: text }))) }),
    costs: {
      'self.objs[0] == self.objs[1]': 7,
      'self.objs[0] + self.objs[2] == self.objs[2]': 11,
      'self.objs[2] + self.objs[0] == self.objs[0]': 11,
      'self.objs[0] == [self.objs[0][0], self.objs[0][1]]': 22,
      'self.objs[0] == [self.objs[0][1], self.objs[0][0]]': 22,
      'self.objs[2] + [self.objs[0][0], self.objs[0][1]] == self.objs[0]': 26,
      'size(self.objs[0] + [self.objs[3][0]]) == 3': 20,
    },
  },
  maps: {
    self: { val1: { k1: 'a', k2: 'b' }, val2: { k2: 'b', k1: 'a' } },
    schema: object({ val1: map(text), val2: map(text) }),
    costs: {
      'self.val1 == self.val2': 5,
      "'k1' in self.val1": 3,
      "!('k3' in self.val1)": 4,
      "self.val1 == {'k1': 'a', 'k2': 'b'}": 3,
    },
  },
  'object access': {
    self: { a: { b: 1, d: null }, a1: { b1: { c1: 4 } }, a3: {} },
    schema: object({
      a: object({ b: integer, c: integer, d: { type: 'integer', nullable: true } }),
      a1: object({ b1: object({ c1: integer }), d2: object({ e2: integer }) }),
    }),
    costs: {
      'has(self.a.b)': 2,
      'has(self.a1.b1.c1)': 3,
      '!(has(self.a1.d2) && has(self.a1.d2.e2))': 3,
      '!has(self.a1.d2)': 3,
    },
  },
  'map access': {
    self: { val: { b: 1, d: 2 } },
    schema: object({ val: map(integer) }),
    costs: {
      "!('a' in self.val)": 4,
      "'b' in self.val": 3,
      "!('c' in self.val)": 4,
      "'d' in self.val": 3,
      '!has(self.val.a)': 3,
      'has(self.val.b)': 2,
      '!has(self.val.c)': 3,
      'has(self.val.d)': 2,
      'self.val.all(k, self.val[k] > 0)': 17,
      '!self.val.exists(k, self.val[k] == 3)': 20,
      'self.val.exists_one(k, self.val[k] == 2)': 14,
      '!self.val.exists_one(k, self.val[k] > 0)': 17,
      'size(self.val) == 2': 4,
      'size(self.val.filter(k, self.val[k] > 1)) == 1': 26,
      'self.val.all(k, v, v > 0)': 13,
      '!self.val.exists(k, v, v == 3)': 16,
      'self.val.existsOne(k, v, v == 2)': 10,
      'self.val.transformMap(k, v, v > 1, v + 1).size() == 1': 14,
      'self.val.transformMap(k, v, v + 1).size() == 2': 15,
      "self.val.transformMapEntry(k, v, v > 1, {k + '2': v + 1}).size() == 1": 45,
      "self.val.transformMapEntry(k, v, {k + '2': v + 1}).size() == 2": 77,
    },
  },
  'listMap access': {
    self: {
      listMap: [
        { k: 'a1', v: 'b1' },
        { k: 'a2', v: 'b2' },
        { k: 'a3', v: 'b3', v2: 'z' },
      ],
    },
    schema: object({ listMap: listMap(object({ k: text, v: text, v2: text })) }),
    costs: {
      'has(self.listMap[0].v)': 3,
      "self.listMap.all(m, m.k.startsWith('a'))": 21,
      "self.listMap.all(m, !has(m.v2) || m.v2 == 'z')": 21,
      "self.listMap.exists(m, m.k.endsWith('1'))": 13,
      "self.listMap.exists_one(m, m.k == 'a3')": 15,
      "!self.listMap.all(m, m.k.endsWith('1'))": 18,
      "!self.listMap.exists(m, m.v == 'x')": 25,
      "!self.listMap.exists_one(m, m.k.startsWith('a'))": 20,
      "size(self.listMap.filter(m, m.k == 'a1')) == 1": 27,
      "self.listMap.exists(m, m.k == 'a1' && m.v == 'b1')": 16,
      "self.listMap.map(m, m.v).exists(v, v == 'b1')": 55,
      "self.listMap.exists(m, has(m.v2) && m.v2 == 'z')": 21,
      "!self.listMap.all(m, has(m.v2) && m.v2 != 'z')": 10,
      "self.listMap.exists_one(m, has(m.v2) && m.v2 == 'z')": 12,
      "self.listMap.filter(m, has(m.v2) && m.v2 == 'z').size() == 1": 24,
      "self.listMap.map(m, has(m.v2) && m.v2 == 'z', m.v2).size() == 1": 25,
      "self.listMap.filter(m, has(m.v2) && m.v2 == 'z').map(m, m.v2).size() == 1": 39,
      "self.listMap.exists(m, m.v2 == 'z')": 22,
      "!self.listMap.all(m, m.v2 != 'z')": 20,
      "!self.listMap.all(i, m, has(m.v2) && m.v2 != 'z')": 10,
      "self.listMap.exists(i, m, has(m.v2) && m.v2 == 'z')": 21,
      "self.listMap.existsOne(i, m, has(m.v2) && m.v2 == 'z')": 12,
      "self.listMap.transformList(i, m, has(m.v2) && m.v2 == 'z', m.v2).size() == 1": 25,
      'self.listMap.transformList(i, m, m.v).size() == 3': 47,
    },
  },
  'list access': {
    self: { array: [1, 1, 2, 2, 3, 3, 4, 5] },
    schema: object({ array: list(integer) }),
    costs: {
      '2 in self.array': 10,
      'self.array.all(e, e > 0)': 43,
      'self.array.exists(e, e > 2)': 36,
      'self.array.exists_one(e, e > 4)': 22,
      '!self.array.all(e, e < 2)': 21,
      '!self.array.exists(e, e < 0)': 52,
      '!self.array.exists_one(e, e == 2)': 25,
      'self.array.all(e, e < 100)': 43,
      'size(self.array.filter(e, e%2 == 0)) == 3': 68,
      'self.array.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)': 194,
      'size(self.array) == 8': 4,
      'self.array.all(i, e, e > 0)': 43,
      'self.array.exists(i, e, e > 2)': 36,
      'self.array.existsOne(i, e, e > 4)': 22,
      'self.array.transformList(i, e, e > 2, e * 2).size() > 0': 77,
      'self.array.transformList(i, e, e * 2).size() > 0': 117,
    },
  },
  'listSet access': {
    self: { set: [1, 2, 3, 4, 5] },
    schema: object({ set: list(integer) }),
    costs: {
      '3 in self.set': 7,
      'self.set.all(e, e > 0)': 28,
      'self.set.exists(e, e > 3)': 30,
      'self.set.exists_one(e, e == 3)': 16,
      '!self.set.all(e, e < 3)': 21,
      '!self.set.exists(e, e < 0)': 34,
      '!self.set.exists_one(e, e > 3)': 19,
      'self.set.all(e, e < 10)': 28,
      'size(self.set.filter(e, e%2 == 0)) == 2': 46,
      'self.set.map(e, e * 20).filter(e, e > 50).exists_one(e, e == 60)': 133,
      'size(self.set) == 5': 4,
    },
  },
}

for (const [name, { self, schema, costs }] of Object.entries(groups)) {
  test(`CelProgram.evaluate costs what it costs upstream: ${name}`, () => {
    const environment = createCelEnvironment({ variables: { self: structuralDeclaration(schema)! } })
    for (const [expression, cost] of Object.entries(costs)) {
      const compilation = environment.compile(expression)
      assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
      const outcome = compilation.program.evaluate({ self }, new CelBudget())
      assert.deepEqual({ expression, ...outcome }, { expression, value: true, cost })
      const { min, max } = compilation.program.estimateCost()
      assert.ok(max >= cost - 1 && min <= max, `${expression}: ${cost} within ${min} to ${max}`)
    }
  })
}

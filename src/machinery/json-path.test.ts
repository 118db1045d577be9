import assert from 'node:assert/strict'
import { test } from 'node:test'
import { executeJsonPath, findJsonPath, JsonPathError, parseJsonPath } from './json-path.ts'
import type { JsonValue } from './meta.ts'

const store = {
  name: 'jsonpath',
  labels: { engieer: 10, 'web/html': 15, 'k8s-app': 20, 'a.b/c': 30 },
  bools: [true, false, true, false],
  book: [
    { category: 'reference', author: 'Nigel Rees', price: 8.95 },
    { category: 'fiction', author: 'Evelyn Waugh', price: 12.99 },
    { category: 'fiction', author: 'Herman Melville', price: 8.99 },
  ],
  bicycle: [
    { color: 'red', price: 19.95, isNew: true },
    { color: 'green', price: 20.01, isNew: false },
  ],
  nothing: null,
  empty: [],
}

const pods = {
  items: [
    { metadata: { name: 'a' }, status: { conditions: [{ type: 'Ready', status: 'True' }], ips: ['1', '2'] } },
    { metadata: { name: 'b' }, status: { conditions: [{ type: 'Other', status: 'True' }], ips: [] } },
  ],
}

test('executeJsonPath fills in templates as upstream', () => {
  const rows: readonly (readonly [string, JsonValue, string])[] = [
    ['plain', null, 'plain'],
    ['{[?(@<5)]}', [2, 6, 3, 7], '2 3'],
    ['{"{"}', null, '{'],
    ['{[1,3,4]}', [0, 1, 2, 3, 4], '1 3 4'],
    ['{[0:2]}', ['Monday', 'Tuesday', 'x'], 'Monday Tuesday'],
    ['{..}', [1, 2, 3], '[1,2,3]'],
    ['hello {.name}', store, 'hello jsonpath'],
    ['{$.labels.web/html}', store, '15'],
    ['{.labels.k8s-app}', store, '20'],
    ["{.labels['a\\.b/c']}", store, '30'],
    ['{.labels.a\\.b/c}', store, '30'],
    ['{.bicycle[*].color}', store, 'red green'],
    ['{range .bicycle[*]}{ "{" }{ @.* }{ "} " }{end}', store, '{red 19.95 true} {green 20.01 false} '],
    ['{..price}', store, '8.95 12.99 8.99 19.95 20.01'],
    ['{...price}', store, '8.95 12.99 8.99 19.95 20.01'],
    ['{.bicycle[-1:]}', store, '{"color":"green","isNew":false,"price":20.01}'],
    ['{..book[2].author}', store, 'Herman Melville'],
    ['{.bicycle[?(@.isNew==true)].color}', store, 'red'],
    ['{.book[?(@.price<10.1)].author}', store, 'Nigel Rees Herman Melville'],
    ['{.book[?(@.author=="Evelyn Waugh")].price}', store, '12.99'],
    ["{.book[?(@.author!='Evelyn Waugh')].price}", store, '8.95 8.99'],
    ['{.book[?(@.price>=8.99)].price}', store, '12.99 8.99'],
    ['{.bicycle[?(@.color)].color}', store, 'red green'],
    ['{.bicycle[?(@.missing)].color}', store, ''],
    ['{.bools}', store, '[true,false,true,false]'],
    ['{ .bools[:4:2] }', store, 'true true'],
    ['{.bools[-1]}', store, 'false'],
    ['{.bools[1:1]}', store, ''],
    ['{.nothing}', store, 'null'],
    ['{.nothing.x}', store, ''],
    ['{.missing}', store, ''],
    ['before-{.missing}-after', store, 'before--after'],
    ['{.bicycle[0].color}{"\\n"}{.name}', store, 'red\njsonpath'],
    ['{.items[*].metadata.name}', pods, 'a b'],
    ['{.items[?(@.status.conditions[0].type=="Ready")].metadata.name}', pods, 'a'],
    ['{range .items[*]}{.metadata.name}:{range .status.ips[*]}{@},{end};{end}!', pods, 'a:1,2,;b:;!'],
    ['{range .missing[*]}{.x}{end}rest', pods, 'rest'],
    ['{.items[0]["metadata"]}', pods, 'never'],
  ]
  for (const [template, data, text] of rows) {
    if (text === 'never') {
      assert.throws(() => parseJsonPath(template), { message: 'invalid array index "metadata"' })
      continue
    }
    assert.equal(executeJsonPath(parseJsonPath(template), data, { allowMissingKeys: true }), text, template)
  }
})

test('parseJsonPath and findJsonPath complain as upstream', () => {
  const rows: readonly (readonly [string, JsonValue, string])[] = [
    ['{.name', store, 'unclosed action'],
    ['{hello}', store, 'unrecognized identifier hello'],
    ['{end}', store, 'not in range, nothing to end'],
    ['{.hello}', store, 'hello is not found'],
    ['{.labels[0]}', store, 'map[string]interface {} is not array or slice'],
    ['{.book[3]}', store, 'array index out of bounds: index 3, length 3'],
    ['{.book[-4]}', store, 'array index out of bounds: index -1, length 3'],
    ['{.book[2:1]}', store, 'starting index 2 is greater than ending index 1'],
    ['{.book[::0]}', store, 'step must be > 0'],
    ['{.book[x]}', store, 'invalid array index x'],
    ['{.book[0', store, 'unterminated array'],
    ['{.book[?(@.a==1}', store, 'unterminated filter'],
    ['{.book[?(@.a==1)}', store, 'unclosed array expect ]'],
    ['{"x', store, 'unterminated quoted string'],
    ['{....x}', store, 'invalid multiple recursive descent'],
    ['{(}', store, "unrecognized character in action: U+0028 '('"],
    ['{.bicycle[?(@.color=1)]}', store, 'unrecognized filter operator ='],
    ['{.bicycle[?(@.color==1)]}', store, 'incompatible types for comparison'],
    ['{.name[?(@.x==1)]}', store, '"jsonpath" is not array or slice and cannot be filtered'],
  ]
  for (const [template, data, message] of rows) {
    assert.throws(
      () => findJsonPath(parseJsonPath(template), data),
      (error) => error instanceof JsonPathError && (assert.equal(error.message, message), true),
      template,
    )
  }
})

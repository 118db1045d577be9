import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CelAuthorizationAttributes } from './authorizer.ts'
import {
  authorizerDeclaration,
  requestResourceCheck,
  requestResourceDeclaration,
} from './authorizer-declarations.ts'
import { CelBudget } from './budget.ts'
import {
  dynDeclaration,
  objectDeclaration,
  optionalDeclaration,
  stringDeclaration,
  valueDeclaration,
} from './declaration.ts'
import { createCelEnvironment } from './environment.ts'
import { structuralDeclaration } from './structural-declaration.ts'
import { boolType, intType, nullType, stringType, structType } from './types.ts'
import { CelLazyObject } from './values/lazy-object.ts'
import { celToJson } from './values/to-json.ts'
import type { CelValue } from './values/value.ts'

const empty = createCelEnvironment({ variables: {} })

function evaluate(expression: string, environment = empty, variables = {}): CelValue | string {
  const compilation = environment.compile(expression)
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  const outcome = compilation.program.evaluate(variables, new CelBudget())
  return 'value' in outcome ? outcome.value : `error: ${outcome.error.message}`
}

const operands =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

test('CelEnvironment.compile words issues as cel-go does', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['x', "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^"],
    [
      "1 + 'a'",
      "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^",
    ],
    [
      "'a'.size(1)",
      "ERROR: <input>:1:9: found no matching overload for 'size' applied to 'string.(int)'\n | 'a'.size(1)\n | ........^",
    ],
    ['1.foo', "ERROR: <input>:1:2: type 'int' does not support field selection\n | 1.foo\n | .^"],
    [
      "true && 'a'",
      "ERROR: <input>:1:9: expected type 'bool' but found 'string'\n | true && 'a'\n | ........^",
    ],
    ["[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"],
    [
      '1.all(x, true)',
      "ERROR: <input>:1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n | 1.all(x, true)\n | ^",
    ],
    ['has(1)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(1)\n | ....^'],
    ['[1].map(1, 2)', 'ERROR: <input>:1:9: argument is not an identifier\n | [1].map(1, 2)\n | ........^'],
    ["duration('x')", "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"],
    [
      "'a'.matches('(')",
      "ERROR: <input>:1:13: invalid matches argument\n | 'a'.matches('(')\n | ............^",
    ],
    [
      '1 +',
      `ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting ${operands}\n | 1 +\n | ...^`,
    ],
    [
      '1 = 2',
      "ERROR: <input>:1:3: Syntax error: token recognition error at: '= '\n | 1 = 2\n | ..^\nERROR: <input>:1:5: Syntax error: extraneous input '2' expecting <EOF>\n | 1 = 2\n | ....^",
    ],
    [
      "'asdf'.contains('x'",
      "ERROR: <input>:1:20: Syntax error: missing ')' at '<EOF>'\n | 'asdf'.contains('x'\n | ...................^",
    ],
    ['9223372036854775808', 'ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^'],
    ['import', 'ERROR: <input>:1:1: reserved identifier: import\n | import\n | ^'],
    [
      "'😁' + y",
      "ERROR: <input>:1:7: undeclared reference to 'y' (in container '')\n | '😁' + y\n | .．....^",
    ],
    [
      'cel.bind(a, 1, a)',
      "ERROR: <input>:1:1: undeclared reference to 'cel' (in container '')\n | cel.bind(a, 1, a)\n | ^\nERROR: <input>:1:9: undeclared reference to 'bind' (in container '')\n | cel.bind(a, 1, a)\n | ........^\nERROR: <input>:1:10: undeclared reference to 'a' (in container '')\n | cel.bind(a, 1, a)\n | .........^\nERROR: <input>:1:16: undeclared reference to 'a' (in container '')\n | cel.bind(a, 1, a)\n | ...............^",
    ],
  ]
  for (const [expression, text] of rows) {
    const compilation = empty.compile(expression)
    assert.ok(!compilation.ok, expression)
    assert.equal(compilation.text, text)
  }
})

test('CelEnvironment.compile asks for exactly the type expected', () => {
  const one = empty.compile('1', { outputTypes: [boolType] })
  assert.equal(!one.ok && one.text, 'must evaluate to bool but got int')
  const several = empty.compile('1', { outputTypes: [boolType, stringType] })
  assert.equal(!several.ok && several.text, 'must evaluate to one of [bool string] but got int')
  assert.ok(empty.compile('1', { outputTypes: [intType] }).ok)
  const optional = empty.compile('1', { outputTypes: [stringType, nullType] })
  assert.equal(!optional.ok && optional.text, 'must evaluate to one of [string null_type] but got int')
})

test('CelProgram.evaluate fails with the words of cel-go', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['1 / 0', 'division by zero'],
    ['1 % 0', 'modulus by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['0u - 1u', 'unsigned integer overflow'],
    ['[1][3]', 'index out of bounds: 3'],
    ["{'a': 1}['b']", 'no such key: b'],
    ["{'a': 1}.b", 'no such key: b'],
    ["int('x')", 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['[].max()', 'max called on empty list'],
    ["'abc'.substring(4)", 'index out of range: 4'],
    [
      "quantity('x')",
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      "ip('1.2.3')",
      'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): IPv4 address too short',
    ],
    ["ip('::ffff:1.2.3.4')", 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed'],
    ["url('a b')", 'URL parse error during conversion from string: parse "a b": invalid URI for request'],
    ["semver('1.2')", 'No Major.Minor.Patch elements found'],
    ['optional.none().value()', 'optional.none() dereference'],
  ]
  for (const [expression, message] of rows) assert.equal(evaluate(expression), `error: ${message}`)
})

test('CelProgram.evaluate knows the libraries of Kubernetes', () => {
  const truths = [
    "[1, 2, 3].isSorted() && [1, 2].sum() == 3 && ['b', 'a'].min() == 'a' && [1, 2, 1].lastIndexOf(1) == 2",
    '[3, 1, 2].sort() == [1, 2, 3] && [1, 1, 2].distinct() == [1, 2] && [[1], [2]].flatten() == [1, 2]',
    "['b', 'aa'].sortBy(x, size(x)) == ['b', 'aa'] && [1, 2, 3].slice(1, 3) == [2, 3] && lists.range(2) == [0, 1]",
    'sets.contains([1, 2], [1]) && sets.equivalent([1], [1, 1]) && !sets.intersects([1], [2])',
    "'abc 123'.find('[0-9]+') == '123' && '1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
    "url('https://user@example.com:80/a%20b?q=1&q=2').getHost() == 'example.com:80'",
    "url('https://[::1]:80/').getHostname() == '::1' && url('/a').getPort() == '' && isURL('https://a') && !isURL('../a')",
    "url('https://a/?k=1&k=2').getQuery() == {'k': ['1', '2']} && url('https://a/b c').getEscapedPath() == '/b%20c'",
    "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('50k').sub(20) == quantity('49980')",
    "quantity('1.5').isInteger() == false && quantity('2k').asInteger() == 2000 && sign(quantity('-1')) == -1",
    "ip('127.0.0.1').isLoopback() && ip('fe80::1').family() == 6 && ip.isCanonical('2001:db8::abcd') && isIP('1.2.3.4')",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !isCIDR('1.2.3.4')",
    "cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && string(cidr('10.0.0.0/8').ip()) == '10.0.0.0'",
    "!format.dns1123Label().validate('ok').hasValue() && format.dns1123Label().validate('No_').hasValue()",
    "format.named('uuid').hasValue() && !format.named('nothing').hasValue()",
    "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.02', true).minor() == 2 && !isSemver('v1')",
    "semver('1.0.0-alpha').compareTo(semver('1.0.0')) == -1",
    "'%s %d %.2f %x'.format(['a', 1, 1234.5, 255]) == 'a 1 1,234.50 ff' && strings.quote('a\"b') == '\"a\\\\\"b\"'",
    "'TacoCat'.lowerAscii() == 'tacocat' && ' a '.trim() == 'a' && 'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
    "{'a': 1}.?b.orValue(2) == 2 && [1][?3] == optional.none() && {?'a': optional.none()} == {} && [?optional.of(1)] == [1]",
    'optional.of(1).optMap(x, x + 1).value() == 2 && !{}.?a.optFlatMap(x, x.?b).hasValue()',
    "[1, 2].transformMap(i, v, v > 1, v * 2) == {1: 4} && {'a': 1}.transformList(k, v, k) == ['a']",
    "timestamp('2026-01-02T03:04:05Z').getHours('Europe/Berlin') == 4 && duration('90s').getMinutes() == 1",
    "timestamp('2026-01-02T03:04:05Z') - timestamp('2026-01-02T03:04:04.5Z') == duration('500ms')",
  ]
  for (const expression of truths) assert.equal(evaluate(expression), true, expression)
})

test('CelEnvironment knows what its compatibility version brought', () => {
  const old = createCelEnvironment({ variables: {}, compatibilityMinor: 29 })
  assert.ok(!old.compile("isIP('::1')").ok)
  assert.ok(old.compile("quantity('1')").ok)
})

test('CelProgram.evaluate reads values by their schema', () => {
  const self = structuralDeclaration({
    type: 'object',
    properties: {
      namespace: { type: 'string' },
      'foo-bar': { type: 'integer' },
      ratio: { type: 'number' },
      port: { 'x-kubernetes-int-or-string': true },
      any: { 'x-kubernetes-preserve-unknown-fields': true },
      at: { type: 'string', format: 'date-time' },
      none: { type: 'string', nullable: true },
    },
  })!
  const environment = createCelEnvironment({ variables: { self, oldSelf: optionalDeclaration(self) } })
  const value = {
    namespace: 'a',
    'foo-bar': 2,
    ratio: 1,
    port: '80%',
    at: '2026-01-02T00:00:00Z',
    none: null,
  }
  const truths = [
    "self.__namespace__ == 'a' && self.foo__dash__bar + 1 == 3 && type(self.ratio) == double",
    "type(self.port) == string && self.at < timestamp('2027-01-01T00:00:00Z') && !has(self.none)",
    '!oldSelf.hasValue() && !oldSelf.?ratio.hasValue()',
  ]
  for (const expression of truths) {
    assert.equal(evaluate(expression, environment, { self: value }), true, expression)
  }
  assert.ok(!environment.compile('self.any').ok)
  const compilation = environment.compile('self.ratio > 0.0 && oldSelf.hasValue()')
  assert.deepEqual(compilation.ok && [...compilation.program.references].sort(), ['oldSelf', 'self'])
})

test('CelProgram.evaluate stops at the limit of a call and at the end of the budget', () => {
  const compilation = empty.compile('lists.range(100).all(x, x >= 0)')
  assert.ok(compilation.ok)
  const limited = compilation.program.evaluate({}, new CelBudget(), { perCallLimit: 200 })
  assert.ok('error' in limited)
  assert.deepEqual(
    [limited.error.reason, limited.error.message],
    ['callLimit', 'operation cancelled: actual cost limit exceeded'],
  )
  const budget = new CelBudget(100)
  const poor = compilation.program.evaluate({}, budget)
  assert.ok('error' in poor && poor.error.reason === 'budget' && budget.isExhausted)
})

test('CelProgram.evaluateAsync waits for the authorizer and asks it once', async () => {
  const asked: CelAuthorizationAttributes[] = []
  const authorizer = {
    authorize: async (attributes: CelAuthorizationAttributes) => {
      asked.push(attributes)
      return { allowed: attributes.verb === 'create', reason: 'because' }
    },
  }
  const environment = createCelEnvironment({
    variables: {
      authorizer: authorizerDeclaration,
      'authorizer.requestResource': requestResourceDeclaration,
    },
  })
  const compilation = environment.compile(
    "authorizer.group('apps').resource('deployments').namespace('a').check('create').allowed() && " +
      "!authorizer.serviceAccount('ns', 'sa').path('/healthz').check('get').allowed() && " +
      "authorizer.requestResource.check('create').reason() == 'because'",
  )
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  const resource = { group: '', resource: 'pods', subresource: '', namespace: 'b', name: 'c' }
  const variables = { authorizer, 'authorizer.requestResource': requestResourceCheck(authorizer, resource) }
  // Three checks cost more than one call may.
  const outcome = await compilation.program.evaluateAsync(variables, new CelBudget(), {
    perCallLimit: 2_000_000,
  })
  assert.ok('value' in outcome && outcome.value === true)
  assert.deepEqual(asked, [
    {
      verb: 'create',
      isResourceRequest: true,
      group: 'apps',
      version: '*',
      resource: 'deployments',
      subresource: '',
      namespace: 'a',
      name: '',
    },
    {
      serviceAccount: { namespace: 'ns', name: 'sa' },
      verb: 'get',
      isResourceRequest: false,
      path: '/healthz',
    },
    { verb: 'create', isResourceRequest: true, version: '*', ...resource },
  ])
})

test('CelLazyObject computes a field once, and its failure is the reader’s', () => {
  let computed = 0
  const declaration = {
    ...valueDeclaration(structType('kubernetes.variables', () => intType)),
  }
  const environment = createCelEnvironment({ variables: { variables: declaration } })
  const variables = new CelLazyObject('kubernetes.variables', {
    one: () => {
      computed++
      return { value: 1n, cost: 0 }
    },
  })
  assert.equal(evaluate('variables.one + variables.one', environment, { variables }), 2n)
  assert.equal(computed, 1)
})

test('celToJson writes what a mutating policy makes', () => {
  const environment = createCelEnvironment({
    mutation: true,
    variables: { object: dynDeclaration, request: objectDeclaration('Request', { name: stringDeclaration }) },
  })
  const made = evaluate(
    "Object{spec: Object.spec{replicas: 3, list: [Object.spec.list{a: 'b'}]}}",
    environment,
  )
  assert.deepEqual(celToJson(made), { spec: { replicas: 3, list: [{ a: 'b' }] } })
  const patch = evaluate(
    "[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y~z'), value: {'k': 1}}]",
    environment,
  )
  assert.deepEqual(celToJson(patch), [{ op: 'add', path: '/a/x~1y~0z', value: { k: 1 } }])
  const misnamed = evaluate('Object{spec: Object.status{}}', environment)
  assert.throws(() => celToJson(misnamed), /unexpected type name "Object.status", expected "Object.spec"/)
})

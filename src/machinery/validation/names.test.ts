import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as names from './names.ts'

type Rule = (value: string) => string[]

const rules: readonly (readonly [Rule, readonly string[], readonly string[]])[] = [
  [
    names.dns1123LabelErrors,
    ['a', 'ab', 'a-1', 'a--1', '0', '01', '1-a', 'a'.repeat(63)],
    ['', 'A', 'a-', '-a', 'a_b', 'a.b', ' a', 'a\n', 'ü', 'a'.repeat(64)],
  ],
  [
    names.dns1123SubdomainErrors,
    ['a', 'a.b.c', '0.0', 'a-1.b--2', 'a'.repeat(253)],
    ['', '.', 'a.', '.a', 'a..b', 'A.b', 'a_b.c', 'a.-b', 'a'.repeat(254)],
  ],
  [
    names.dns1123SubdomainWithUnderscoreErrors,
    ['_a', 'a_b.c', '_a._b', 'a__b'],
    ['', '_', 'a_', '__a', 'a._'],
  ],
  [names.dns1123SubdomainCaselessErrors, ['A.b', 'a'], ['', 'a_b', 'A.']],
  [names.dns1035LabelErrors, ['a', 'a-1', 'a1'], ['', '1a', 'A', 'a-', 'a.b', 'a'.repeat(64)]],
  [
    names.wildcardDns1123SubdomainErrors,
    ['*.example.com', '*.c'],
    ['*.*.bar.com', '*.foo.*.com', '*bar.com', 'f*.bar.com', '*', 'a.com'],
  ],
  [
    names.qualifiedNameErrors,
    ['simple', 'now-with-dashes', '1-num.2-num', '1234/5678', 'example.com/Under_score', 'a'.repeat(63)],
    ['', '/', '-x', 'x-', 'a/b/c', '/a', 'a/', 'A/b', 'only/-', 'special!', 'a'.repeat(64)],
  ],
  [names.labelValueErrors, ['', 'simple', 'a.b_c-d', '1'], ['-', 'a-', '_a', 'a b', 'a'.repeat(64)]],
  [names.cIdentifierErrors, ['a', '_1', 'A_b'], ['', '1a', 'a-b', 'a.b']],
  [
    names.portNameErrors,
    ['telnet', 're-mail-ck', 'pop3', '9pfs'],
    ['', '1', 'a--b', '-a', 'a-', 'A', 'a'.repeat(16)],
  ],
  [names.percentErrors, ['0%', '100%'], ['', '%', '1', '-1%', '1.5%']],
  [names.httpHeaderNameErrors, ['X-A', '1'], ['', 'a b', 'a:']],
  [names.envVarNameErrors, ['a', '.a', '-a', '_', 'A.B'], ['', '1a', 'a b', '..', '..a', '.']],
  [names.relaxedEnvVarNameErrors, ['a', '1', 'a b', '!~'], ['', 'a=b', 'ü', '\u0007']],
  [names.configMapKeyErrors, ['a', '.a', 'a..b', '-', '_'], ['', '.', '..', '..a', 'a/b', 'a'.repeat(254)]],
  [names.pathSegmentNameErrors, ['', 'a:b', '...'], ['.', '..', 'a/b', 'a%b']],
  [names.decimalIntegerErrors, ['0', '-1', '10'], ['', '-', '-0', '01', '+1', '1a']],
]

test('each rule takes what is right and refuses what is wrong', () => {
  for (const [rule, right, wrong] of rules) {
    for (const value of right) assert.deepEqual(rule(value), [], `${rule.name}(${value})`)
    for (const value of wrong) assert.notDeepEqual(rule(value), [], `${rule.name}(${value})`)
  }
})

test('rules speak in upstream words', () => {
  const labelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  const rows: readonly (readonly [readonly string[], readonly string[]])[] = [
    [
      names.dns1123LabelErrors('A'),
      [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and " +
          "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
          `'${labelFormat}')`,
      ],
    ],
    [names.dns1123LabelErrors('a.b'), ['must not contain dots']],
    [
      names.dns1123SubdomainErrors('A'.repeat(254)),
      [
        'must be no more than 253 characters',
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must " +
          "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
          `'${labelFormat}(\\.${labelFormat})*')`,
      ],
    ],
    [names.qualifiedNameErrors('/a'), ['prefix part must be non-empty']],
    [
      names.qualifiedNameErrors('a/'),
      [
        'name part must be non-empty',
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
          "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [names.labelValueErrors('a'.repeat(64)), ['must be no more than 63 bytes']],
    [names.portNumberErrors(0), ['must be between 1 and 65535, inclusive']],
    [names.configMapKeyErrors('..a'), ["must not start with '..'"]],
    [names.pathSegmentNameErrors('a/b%'), ["may not contain '/'", "may not contain '%'"]],
  ]
  for (const [errors, expected] of rows) assert.deepEqual(errors, expected)
})

test('lengths are counted in bytes', () => {
  assert.ok(names.labelValueErrors('ü'.repeat(32)).includes('must be no more than 63 bytes'))
})

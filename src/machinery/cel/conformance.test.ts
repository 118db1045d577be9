import assert from 'node:assert/strict'
import { test } from 'node:test'
import known from './testing/conformance-failures.json' with { type: 'json' }
import { conformanceTests, outOfScope, runConformanceTest } from './testing/conformance.ts'

test("CEL passes cel-spec's conformance tests but those with a reason", () => {
  const failures: Record<string, string> = {}
  const skipped: Record<string, number> = {}
  let passed = 0
  for (const conformanceTest of conformanceTests()) {
    const reason = outOfScope(conformanceTest)
    if (reason !== undefined) {
      skipped[reason] = (skipped[reason] ?? 0) + 1
      continue
    }
    const problem = runConformanceTest(conformanceTest)
    if (problem === undefined) passed++
    else failures[conformanceTest.name] = problem
  }
  const unexplained = Object.entries(failures).filter(([name]) => !Object.hasOwn(known, name))
  assert.deepEqual(unexplained, [])
  assert.deepEqual(Object.keys(failures).sort(), Object.keys(known).sort())
  assert.deepEqual(
    { passed, skipped },
    {
      passed: 1406,
      skipped: { 'a library that Kubernetes has not': 240, 'protobuf messages': 681 },
    },
  )
})

import assert from 'node:assert/strict'
import { CelBudget } from '../../src/machinery/cel/budget.ts'
import {
  dynDeclaration,
  intDeclaration,
  listDeclaration,
  stringDeclaration,
} from '../../src/machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../src/machinery/cel/environment.ts'
import type { FuzzTarget } from './fuzz.ts'

const environment = createCelEnvironment({
  mutation: true,
  variables: {
    object: dynDeclaration,
    text: stringDeclaration,
    count: intDeclaration,
    items: listDeclaration(intDeclaration),
  },
})
const variables = {
  object: { metadata: { name: 'a', labels: { app: 'web' } }, spec: { replicas: 3, list: ['a', 'b', 'aa'] } },
  text: 'some text, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab',
  count: 3,
  items: [3, 1, 2],
}
const perCallLimit = 20_000

/** Any text has an answer, within the cost that is allowed. */
export const celTarget: FuzzTarget = {
  name: 'cel',
  run(input) {
    const compilation = environment.compile(input.toString())
    if (!compilation.ok) return compilation.reason
    const { min, max } = compilation.program.estimateCost()
    assert.ok(min <= max)
    const outcome = compilation.program.evaluate(variables, new CelBudget(), { perCallLimit })
    if ('value' in outcome) assert.ok(outcome.cost <= perCallLimit)
    return 'error' in outcome ? outcome.error.message.slice(0, 30) : typeof outcome.value
  },
}

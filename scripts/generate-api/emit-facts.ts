import { formatFactStruct } from '../../src/api/fact-table.ts'
import { header } from './header.ts'
import { apiregistration, packages } from './packages.ts'
import type { Facts } from './read-facts.ts'

export function emitFacts(facts: Facts): string {
  const groups = [...packages, apiregistration].map(
    ({ short, group, version, openapi }) =>
      `  { short: '${short}', group: '${group}', version: '${version}', openapi: '${openapi}' },`,
  )
  const enums = [...facts.enums].map(([name, values]) => `${name} = ${JSON.stringify(values)}`)
  const text = [...enums, ...facts.structs.map(formatFactStruct)].join('\n\n')
  if (/[`\\]|\$\{/.test(text)) throw new Error('a fact holds a character that a template may not')
  return `${[
    header,
    `/** Short names of the packages in the table, their API group and their name in OpenAPI. */\nexport const factPackages = [\n${groups.join('\n')}\n] as const`,
    `/** The table of facts, in the form that ../fact-table.ts describes. */\nexport const facts = \`${text}\``,
  ].join('\n\n')}\n`
}

import type { Answer } from 'dns-packet'
import type { Rewrite } from './configuration.ts'
import type { Resolution } from './response.ts'

/** The name that is looked for instead, lower case. Source: CoreDNS plugin/rewrite. */
export function rewriteName(name: string, rules: readonly Rewrite[]): string {
  let current = name
  for (const { match, from, to, continues } of rules) {
    const next = applyRule(current, match, from, to)
    if (next === undefined) continue
    current = next
    if (!continues) break
  }
  return current
}

function applyRule(name: string, match: Rewrite['match'], from: string, to: string): string | undefined {
  switch (match) {
    case 'exact':
      return name === from ? to : undefined
    case 'prefix':
      return name.startsWith(from) ? to + name.slice(from.length) : undefined
    case 'suffix':
      return name.endsWith(from) ? name.slice(0, name.length - from.length) + to : undefined
    case 'substring':
      return name.includes(from) ? name.replace(from, () => to) : undefined
  }
}

/** The answer to a question that was asked by another name: resolvers refuse one whose records have not the name they asked. */
export function renameAnswers(resolution: Resolution, from: string, to: string): Resolution {
  const rename = (record: Answer): Answer =>
    'name' in record && record.name.toLowerCase() === from ? { ...record, name: to } : record
  return { ...resolution, answers: resolution.answers.map(rename) }
}

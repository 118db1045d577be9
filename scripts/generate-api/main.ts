/**
 * Writes src/api/generated from the Go types of Kubernetes: `node scripts/generate-api/main.ts [--source DIR]`.
 * DIR is a root into which Debian's golang-k8s-*-dev packages are unpacked; without it they are downloaded once.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseFactStruct } from '../../src/api/fact-table.ts'
import { emitFacts } from './emit-facts.ts'
import { emitResources } from './emit-resources.ts'
import { emitTypes } from './emit-types.ts'
import { apiregistration, packages } from './packages.ts'
import { type Facts, readFacts } from './read-facts.ts'
import { sourceFolder } from './source.ts'

const { values } = parseArgs({ options: { source: { type: 'string' } } })
const repository = join(import.meta.dirname, '../..')
const output = join(repository, 'src/api/generated')

const fromGo = readFacts(sourceFolder(values.source, join(repository, '.cache/kubernetes-api')))
const byHand = readFileSync(join(import.meta.dirname, 'apiregistration.v1.facts'), 'utf8')
const facts: Facts = {
  ...fromGo,
  structs: [...fromGo.structs, ...byHand.trim().split('\n\n').map(parseFactStruct)],
}

mkdirSync(output, { recursive: true })
for (const { short } of [...packages, apiregistration]) {
  writeFileSync(join(output, `${short}.ts`), emitTypes(short, facts))
}
writeFileSync(join(output, 'resources.ts'), emitResources(facts.resources))
writeFileSync(join(output, 'facts.ts'), emitFacts(facts))

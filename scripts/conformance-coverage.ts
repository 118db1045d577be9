import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Checks test/conformance/coverage.json (which test of ours stands for which entries of the conformance programme)
 * against entries.txt (the names of all entries of the programme) and against the tests themselves, and prints how many
 * entries of each group are covered. With `--missing` also which are not.
 */
const root = join(import.meta.dirname, '..')
const folder = join(root, 'test/conformance')

/** Test file → title of a test → entries that it covers. */
type Coverage = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** Names of entries; each line also has the release since which it counts. */
function readEntries(): readonly string[] {
  const lines = readFileSync(join(folder, 'entries.txt'), 'utf8').trim().split('\n')
  return lines.map((line) => line.slice(line.indexOf('[')))
}

function groupOf(entry: string): string {
  return /^\[([\w-]+)\]/.exec(entry)?.[1] ?? ''
}

/** Whether a source has this title, or this row of a table, as a literal. */
function hasTest(source: string, title: string): boolean {
  const quoted = [`'${title.replaceAll("'", String.raw`\'`)}'`, `"${title}"`, `\`${title}\``]
  return quoted.some((literal) => source.includes(literal))
}

function findFaults(coverage: Coverage, entries: ReadonlySet<string>): readonly string[] {
  const faults: string[] = []
  for (const [file, titles] of Object.entries(coverage)) {
    const path = join(root, file)
    const source = existsSync(path) ? readFileSync(path, 'utf8') : undefined
    if (source === undefined) faults.push(`there is no ${file}`)
    for (const [title, covered] of Object.entries(titles)) {
      if (source !== undefined && !hasTest(source, title)) faults.push(`${file} has no test '${title}'`)
      for (const entry of covered) {
        if (!entries.has(entry)) faults.push(`${file}, '${title}': there is no entry '${entry}'`)
      }
    }
  }
  return faults
}

const entries = readEntries()
const coverage = JSON.parse(readFileSync(join(folder, 'coverage.json'), 'utf8')) as Coverage
const faults = findFaults(coverage, new Set(entries))
for (const fault of faults) process.stderr.write(`✖ ${fault}\n`)

const covered = new Set(Object.values(coverage).flatMap((titles) => Object.values(titles).flat()))
const groups = Map.groupBy(entries, groupOf)
const counts = [...groups].map(([group, names]) => {
  return `${group} ${names.filter((name) => covered.has(name)).length}/${names.length}`
})
const total = entries.filter((entry) => covered.has(entry)).length
process.stdout.write(`conformance entries covered: ${total}/${entries.length} (${counts.join(', ')})\n`)
if (process.argv.includes('--missing')) {
  for (const entry of entries) if (!covered.has(entry)) process.stdout.write(`  ${entry}\n`)
}
process.exit(faults.length > 0 ? 1 : 0)

import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run as runTests } from 'node:test'
import { spec } from 'node:test/reporters'
import { fetchKubectls, installTestPackages } from './test-tools.ts'

/**
 * Everything: format, lint, types, unit tests, then end-to-end tests with whatever this machine has. `--unit` stops
 * before the last, `--e2e [PATTERN]` runs only them.
 */
const root = join(import.meta.dirname, '..')
const cache = join(root, '.cache')
const [only, pattern = ''] = process.argv.slice(2)

const longestTestMs = 5 * 60_000

interface Counts {
  passed: number
  failed: number
  skipped: number
}
const totals: Counts = { passed: 0, failed: 0, skipped: 0 }

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Runs a checker; counts as one test. */
function check(name: string, program: string, args: readonly string[]): void {
  const start = performance.now()
  const { status, error } = spawnSync(join(root, 'node_modules/.bin', program), args, {
    stdio: 'inherit',
    cwd: root,
  })
  const passed = status === 0
  totals[passed ? 'passed' : 'failed'] += 1
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  say(`${passed ? '✔' : '✖'} ${name} (${seconds} s)${error ? `: ${error.message}` : ''}`)
}

async function tests(name: string, files: readonly string[], isolation: 'none' | 'process'): Promise<void> {
  if (files.length === 0) return
  say(`\n${name}: ${files.length} files`)
  const stream = runTests({
    files: [...files],
    isolation,
    // A test that hangs must fail, not stop the run.
    timeout: longestTestMs,
    ...(isolation === 'process' && { concurrency: 1 }),
  })
  stream.on('test:summary', ({ counts, file }) => {
    if (file !== undefined) return
    totals.passed += counts.passed
    totals.skipped += counts.skipped + counts.todo
    totals.failed += counts.tests - counts.passed - counts.skipped - counts.todo
  })
  const reporter = new spec()
  stream.pipe(reporter).pipe(process.stdout, { end: false })
  await new Promise((resolve) => reporter.once('end', resolve))
}

/** Clusters of a run that was cut off. */
function clearEarlierRun(): void {
  const clusters = join(cache, 'e2e')
  if (!existsSync(clusters)) return
  for (const name of readdirSync(clusters)) {
    if (!existsSync(join(clusters, name, 'state.json'))) continue
    say(`clearing cluster ${name} of an earlier run`)
    spawnSync(
      join(root, 'bin/k8ts'),
      ['delete', '--yes', '--name', name, '--data-dir', join(clusters, name)],
      {
        stdio: 'inherit',
      },
    )
  }
}

if (only !== '--e2e') {
  check('format', 'oxfmt', ['--check'])
  check('lint and import rule', 'oxlint', [])
  check('types', 'tsc', [])
  await tests('unit tests', globSync('src/**/*.test.ts', { cwd: root }).sort(), 'none')
}
if (only !== '--unit') {
  // One bundle for the whole run, even while somebody edits.
  spawnSync(join(root, 'bin/k8ts'), ['version'], { stdio: ['ignore', 'ignore', 'inherit'] })
  process.env['K8TS_NO_BUILD'] = '1'
  clearEarlierRun()
  await installTestPackages(say)
  const kubectls = await fetchKubectls(cache, say)
  process.env['K8TS_TEST_KUBECTL_OLD'] = kubectls.old ?? ''
  process.env['K8TS_TEST_KUBECTL_NEW'] = kubectls.new ?? ''
  const files = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => file.includes(pattern))
  await tests('end-to-end tests', files.sort(), 'process')
}
const { passed, failed, skipped } = totals
say(`\nℹ tests ${passed + failed + skipped}\nℹ pass ${passed}\nℹ fail ${failed}\nℹ skipped ${skipped}`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

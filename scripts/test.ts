import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { clearEarlierMachines } from '../test/e2e/harness/machines.ts'
import type { RunCounts } from './summary-reporter.ts'
import { fetchKubectls, installClientPackages, installTestPackages } from './test-tools.ts'

/**
 * Everything: format, lint, types, unit and conformance tests, then end-to-end tests with whatever this machine has.
 * `--unit` stops before the last, `--e2e [PATTERN]` runs only them.
 */
const root = join(import.meta.dirname, '..')
const cache = join(root, '.cache')
const [only, pattern = ''] = process.argv.slice(2)

/** Half a second each; `npm run ok` runs a few. */
const simulatedSeeds = '1-300'

/** A test that hangs must fail, not stop the run. */
const longestTestMs = 10 * 60_000

interface Counts {
  passed: number
  failed: number
  skipped: number
}
const totals: Counts = { passed: 0, failed: 0, skipped: 0 }

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Runs a checker, given by its path or else one of node_modules; counts as one test. */
function check(name: string, program: string, args: readonly string[]): void {
  const start = performance.now()
  const { status, error } = spawnSync(resolve(root, 'node_modules/.bin', program), args, {
    stdio: 'inherit',
    cwd: root,
  })
  const passed = status === 0
  totals[passed ? 'passed' : 'failed'] += 1
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  say(`${passed ? '✔' : '✖'} ${name} (${seconds} s)${error ? `: ${error.message}` : ''}`)
}

/** Runs test files in a process of their own, so that one that hangs is cut off and counts as failed. */
function tests(
  name: string,
  files: readonly string[],
  options: readonly string[],
  withinMinutes: number,
): void {
  if (files.length === 0) return
  say(`\n${name}: ${files.length} files`)
  mkdirSync(cache, { recursive: true })
  const summaryFile = join(cache, 'test-summary.json')
  rmSync(summaryFile, { force: true })
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'scripts/summary-reporter.ts')}`,
    `--test-reporter-destination=${summaryFile}`,
  ]
  const { status, error } = spawnSync(
    process.execPath,
    ['--test', '--test-force-exit', `--test-timeout=${longestTestMs}`, ...options, ...reporters, ...files],
    { stdio: 'inherit', cwd: root, timeout: withinMinutes * 60_000, killSignal: 'SIGKILL' },
  )
  const summary = existsSync(summaryFile) ? readFileSync(summaryFile, 'utf8').trim() : ''
  if (summary === '') {
    say(`✖ ${name} did not end${error ? `: ${error.message}` : ''}`)
    totals.failed += 1
    return
  }
  const counts = JSON.parse(summary) as RunCounts
  const failed = counts.tests - counts.passed - counts.skipped
  totals.passed += counts.passed
  totals.skipped += counts.skipped
  totals.failed += failed === 0 && status !== 0 ? 1 : failed
}

/** Clusters and machines of a run that was cut off. */
async function clearEarlierRun(): Promise<void> {
  const folders = join(cache, 'e2e')
  if (!existsSync(folders)) return
  for (const name of readdirSync(folders)) {
    const folder = join(folders, name)
    say(`clearing ${name} of an earlier run`)
    if (existsSync(join(folder, 'state.json'))) {
      const which = ['--name', name, '--data-dir', folder]
      spawnSync(join(root, 'bin/k8ts'), ['delete', '--yes', ...which], { stdio: 'inherit' })
    }
    await clearEarlierMachines(folder)
    rmSync(folder, { recursive: true, force: true })
  }
}

if (only !== '--e2e') {
  check('format', 'oxfmt', ['--check'])
  check('lint and import rule', 'oxlint', [])
  check('types', 'tsc', [])
  const files = globSync('src/**/*.test.ts', { cwd: root }).sort()
  tests('unit tests', files, ['--test-isolation=none'], 10)
  check('conformance list', process.execPath, ['scripts/conformance-coverage.ts'])
  const conformance = globSync('test/conformance/**/*.test.ts', { cwd: root }).sort()
  tests('conformance tests', conformance, ['--test-isolation=none'], 5)
  const safety = globSync('test/{safety,fuzz}/**/*.test.ts', { cwd: root }).sort()
  tests('safety tests', safety, ['--test-isolation=none'], 5)
  process.env['K8TS_SIMULATION_SEEDS'] ??= simulatedSeeds
  tests('simulated faults', ['src/cluster/simulation/scenario.test.ts'], [], 15)
}
if (only !== '--unit') {
  // One bundle for the whole run, even while somebody edits.
  spawnSync(join(root, 'bin/k8ts'), ['version'], { stdio: ['ignore', 'ignore', 'inherit'] })
  process.env['K8TS_NO_BUILD'] = '1'
  await clearEarlierRun()
  await installTestPackages(say)
  await installClientPackages(say)
  const kubectls = await fetchKubectls(cache, say)
  process.env['K8TS_TEST_KUBECTL_OLD'] = kubectls.old ?? ''
  process.env['K8TS_TEST_KUBECTL_NEW'] = kubectls.new ?? ''
  const files = globSync('test/e2e/**/*.test.ts', { cwd: root }).filter((file) => file.includes(pattern))
  tests('end-to-end tests', files.sort(), ['--test-concurrency=1'], 40)
}
const { passed, failed, skipped } = totals
say(`\nℹ tests ${passed + failed + skipped}\nℹ pass ${passed}\nℹ fail ${failed}\nℹ skipped ${skipped}`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

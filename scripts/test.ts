import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
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

/** Between half a second and a second each, as many as there is time for; `npm run ok` runs a few. */
const simulatedSeeds = 2000
const simulatedMinutes = 16

/** A test that hangs must fail, not stop the run. */
const longestTestMs = 10 * 60_000

/** After which whatever still runs is cut off, since who started everything is told nothing by a run without an end. */
const endMs = 85 * 60_000

interface TestOptions {
  readonly flags?: readonly string[]
  readonly withinMinutes: number
}
const together = { flags: ['--test-isolation=none', '--import=./scripts/seed-properties.ts'] }

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

/** What one process runs. */
interface Part {
  readonly files: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

/** The files divided among so many processes. */
function divided(files: readonly string[], processes: number): Part[] {
  return Array.from({ length: processes }, (_, part) => ({
    files: files.filter((_file, index) => index % processes === part),
  }))
}

/** Seeds of the simulator, those of the environment or as many as there is time for, divided among processes. */
function simulations(processes: number): Part[] {
  const files = ['src/cluster/simulation/scenario.test.ts']
  if (process.env['K8TS_SIMULATION_SEEDS'] !== undefined) return [{ files }]
  const each = Math.ceil(simulatedSeeds / processes)
  return Array.from({ length: processes }, (_, part) => {
    const seeds = `${part * each + 1}-${(part + 1) * each}`
    return {
      files,
      environment: { K8TS_SIMULATION_SEEDS: seeds, K8TS_SIMULATION_MINUTES: String(simulatedMinutes) },
    }
  })
}

/** Runs tests in processes of their own, side by side, so that what hangs is cut off and counts as failed. */
async function tests(name: string, parts: readonly Part[], options: TestOptions): Promise<void> {
  const count = new Set(parts.flatMap(({ files }) => files)).size
  if (count === 0) return
  say(`\n${name}: ${count} files`)
  mkdirSync(cache, { recursive: true })
  const results = await Promise.all(parts.map((part, index) => testPart(part, options, index)))
  for (const { counts, status, error } of results) {
    if (counts === undefined) {
      say(`✖ ${name} did not end${error === undefined ? '' : `: ${error}`}`)
      totals.failed += 1
      continue
    }
    const failed = counts.tests - counts.passed - counts.skipped
    totals.passed += counts.passed
    totals.skipped += counts.skipped
    totals.failed += failed === 0 && status !== 0 ? 1 : failed
  }
}

interface PartResult {
  /** Undefined: the process did not come to its end. */
  readonly counts?: RunCounts
  readonly status: number | null
  readonly error?: string
}

/** The first part says what it does as it does it, the others when they have ended. */
async function testPart(
  { files, environment }: Part,
  { flags = [], withinMinutes }: TestOptions,
  index: number,
): Promise<PartResult> {
  const summaryFile = join(cache, `test-summary-${index}.json`)
  const outputFile = join(cache, `test-output-${index}.txt`)
  rmSync(summaryFile, { force: true })
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'scripts/summary-reporter.ts')}`,
    `--test-reporter-destination=${summaryFile}`,
  ]
  const output = index === 0 ? ('inherit' as const) : openSync(outputFile, 'w')
  const child = spawn(
    process.execPath,
    ['--test', '--test-force-exit', `--test-timeout=${longestTestMs}`, ...flags, ...reporters, ...files],
    {
      stdio: ['ignore', output, output],
      cwd: root,
      env: { ...process.env, ...environment },
      timeout: Math.max(1, Math.min(withinMinutes * 60_000, endMs - performance.now())),
      killSignal: 'SIGKILL',
    },
  )
  const { status, error } = await new Promise<PartResult>((resolve) => {
    child.once('error', (fault) => resolve({ status: null, error: fault.message }))
    child.once('exit', (code, signal) => resolve({ status: code, ...(signal && { error: signal }) }))
  })
  if (output !== 'inherit') {
    closeSync(output)
    say(readFileSync(outputFile, 'utf8'))
  }
  const summary = existsSync(summaryFile) ? readFileSync(summaryFile, 'utf8').trim() : ''
  return {
    status,
    ...(error !== undefined && { error }),
    ...(summary !== '' && { counts: JSON.parse(summary) as RunCounts }),
  }
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
  await tests('unit tests', divided(files, availableParallelism()), { ...together, withinMinutes: 20 })
  check('conformance list', process.execPath, ['scripts/conformance-coverage.ts'])
  const conformance = globSync('test/conformance/**/*.test.ts', { cwd: root }).sort()
  await tests('conformance tests', divided(conformance, 1), { ...together, withinMinutes: 10 })
  const safety = globSync('test/{safety,fuzz}/**/*.test.ts', { cwd: root }).sort()
  await tests('safety tests', divided(safety, 1), { ...together, withinMinutes: 10 })
  await tests('simulated faults', simulations(availableParallelism()), {
    flags: [`--test-timeout=${20 * 60_000}`],
    withinMinutes: 20,
  })
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
  await tests('end-to-end tests', divided(files.sort(), 1), {
    flags: ['--test-concurrency=1'],
    withinMinutes: 60,
  })
}
const { passed, failed, skipped } = totals
say(`\nℹ tests ${passed + failed + skipped}\nℹ pass ${passed}\nℹ fail ${failed}\nℹ skipped ${skipped}`)
process.exit(failed > 0 || passed === 0 ? 1 : 0)

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../src/cluster/machine/command.ts'
import { canInstallPackages, installPackages } from '../src/cluster/machine/install-packages.ts'
import {
  busyboxRequirement,
  missingRequirements,
  nodeRequirements,
  type Requirement,
} from '../src/cluster/machine/requirements.ts'

/** The clients that end-to-end tests drive; undefined where they cannot be had. */
export interface Kubectls {
  /** Debian stable's, many releases behind. */
  readonly old: string | undefined
  /** Of the release that we implement. */
  readonly new: string | undefined
}

const testRequirements: readonly Requirement[] = [
  ...nodeRequirements,
  busyboxRequirement,
  { package: 'etcd-server', files: ['etcd'] },
  { package: 'perl-base', files: ['perl'] },
]

/** Installs what tests with real containers need, where that is possible and something is missing. */
export async function installTestPackages(say: (line: string) => void): Promise<void> {
  const missing = missingRequirements(testRequirements).map((requirement) => requirement.package)
  if (missing.length === 0 || process.platform !== 'linux') return
  if (!canInstallPackages() || process.getuid?.() !== 0) {
    say(`without ${missing.join(', ')}: tests that need them are skipped`)
    return
  }
  say(`installing ${missing.join(', ')}`)
  await installPackages(missing)
}

/** Debian's packages of clients in other languages that end-to-end tests drive. */
const clientPackages = ['python3-kubernetes', 'ruby-kubeclient']

/** Installs clients of other languages, where that is possible and they are missing; tests skip those that are not there. */
export async function installClientPackages(say: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || !canInstallPackages()) return
  const missing: string[] = []
  for (const name of clientPackages) if (!(await isInstalled(name))) missing.push(name)
  if (missing.length === 0) return
  try {
    if (process.getuid?.() !== 0) throw new Error('only root may install packages')
    say(`installing ${missing.join(', ')}`)
    await installPackages(missing)
  } catch (error) {
    say(`without ${missing.join(', ')}: ${(error as Error).message}`)
  }
}

async function isInstalled(packageName: string): Promise<boolean> {
  try {
    const status = await run('dpkg-query', ['--show', '--showformat=${db:Status-Status}', packageName])
    return status.trim() === 'installed'
  } catch {
    return false
  }
}

/** Finds or fetches both kubectls; they are unpacked below `cache`, and nothing of the system is changed. */
export async function fetchKubectls(cache: string, say: (line: string) => void): Promise<Kubectls> {
  return {
    old: await fetchKubectl(join(cache, 'kubectl-old'), 'kubernetes-client', undefined, say),
    new: await fetchKubectl(join(cache, 'kubectl-new'), 'kubectl', 'sid', say),
  }
}

async function fetchKubectl(
  folder: string,
  packageName: string,
  suite: string | undefined,
  say: (line: string) => void,
): Promise<string | undefined> {
  const program = join(folder, 'usr/bin/kubectl')
  if (existsSync(program)) return program
  if (!canInstallPackages()) return undefined
  try {
    say(`fetching ${packageName}${suite === undefined ? '' : ` of ${suite}`}`)
    await fetchPackage(folder, packageName, suite)
    await run(program, ['version', '--client'])
    return program
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    say(`${packageName} cannot be had: ${(error as Error).message}`)
    return undefined
  }
}

async function fetchPackage(folder: string, packageName: string, suite: string | undefined): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const options = suite === undefined ? [] : await suiteOptions(folder, suite)
  if (suite !== undefined) await run('apt-get', [...options, 'update', '-q'])
  const download = [
    '-ec',
    'cd "$1"; shift; exec apt-get "$@"',
    'sh',
    folder,
    ...options,
    'download',
    packageName,
  ]
  await run('sh', download)
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'))
  if (archive === undefined) throw new Error('apt-get downloaded nothing')
  await run('dpkg', ['-x', join(folder, archive), folder])
  for (const name of [archive, 'lists', 'cache', 'sources.list', 'status']) {
    rmSync(join(folder, name), { recursive: true, force: true })
  }
}

/** apt-get's options to look into another suite of the mirror that the machine uses, without telling the machine. */
async function suiteOptions(folder: string, suite: string): Promise<string[]> {
  const targets = await run('apt-get', ['indextargets', '--format', '$(SITE)'])
  const mirror = targets.split('\n').find((site) => site.endsWith('/debian') || site.endsWith('/debian/'))
  if (mirror === undefined) throw new Error('the machine uses no mirror of Debian')
  const list = join(folder, 'sources.list')
  mkdirSync(join(folder, 'lists/partial'), { recursive: true })
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true })
  writeFileSync(
    list,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${suite} main\n`,
  )
  // What is installed, perhaps of the same name from elsewhere, does not matter here.
  writeFileSync(join(folder, 'status'), '')
  return [
    `Dir::State::status=${join(folder, 'status')}`,
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option])
}

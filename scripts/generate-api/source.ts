import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianPackages } from './packages.ts'

/**
 * The folder that holds the Go sources: `directory` when given, else a cache that is filled once with Debian's
 * packages of the Kubernetes libraries (suite sid), without touching the system's own packages.
 */
export function sourceFolder(directory: string | undefined, cache: string): string {
  const root = directory ?? join(cache, 'root')
  const sources = join(root, 'usr/share/gocode/src')
  if (!existsSync(sources) && directory === undefined) download(cache, root)
  if (!existsSync(sources)) throw new Error(`no Go sources in ${sources}`)
  return sources
}

function download(cache: string, root: string): void {
  for (const folder of ['lists/partial', 'archives/partial', 'debs', 'root']) {
    mkdirSync(join(cache, folder), { recursive: true })
  }
  const sourceList = join(cache, 'sources.list')
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(sourceList, `deb [signed-by=${keyring}] http://deb.debian.org/debian sid main\n`)
  const options = [
    `Dir::Etc::sourcelist=${sourceList}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(cache, 'lists')}`,
    `Dir::Cache=${cache}`,
  ].flatMap((option) => ['-o', option])
  execFileSync('apt-get', [...options, 'update'], { stdio: 'inherit' })
  const debs = join(cache, 'debs')
  execFileSync('apt-get', [...options, 'download', ...debianPackages], { cwd: debs, stdio: 'inherit' })
  for (const deb of readdirSync(debs)) execFileSync('dpkg', ['-x', join(debs, deb), root])
}

import { existsSync } from 'node:fs'
import { CommandError, run } from './command.ts'

/** Whether packages can be installed here by themselves. */
export function canInstallPackages(): boolean {
  return existsSync('/usr/bin/apt-get')
}

/** Installs Debian packages. Throws CommandError. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const install = () =>
    run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env })
  try {
    await install()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    // The lists of a fresh machine are empty or old.
    await run('apt-get', ['update', '-q'], { env })
    await install()
  }
}

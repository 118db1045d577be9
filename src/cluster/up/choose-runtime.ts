import { ask, isInteractive } from '../cli/ask.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { Report } from '../cli/report.ts'
import { canInstallPackages, installPackages } from '../machine/install-packages.ts'
import {
  busyboxRequirement,
  missingRequirements,
  nodeRequirements,
  whyNoContainers,
} from '../machine/requirements.ts'
import type { NodeRuntime } from '../state/cluster-state.ts'

export interface RuntimeWishes {
  /** What the user, or an existing cluster, says. */
  readonly runtime: NodeRuntime | undefined
  readonly yes: boolean
  readonly demo: boolean
}

/** What will run containers; installs what that needs, after saying so. */
export async function chooseRuntime(wishes: RuntimeWishes, report: Report): Promise<NodeRuntime> {
  if (wishes.runtime === 'simulated') return 'simulated'
  const obstacle = whyNoContainers() ?? (await installMissing(wishes, report))
  if (obstacle === undefined) return 'containerd'
  if (wishes.runtime === 'containerd') throw new CliError(`containers cannot run here: ${obstacle}`)
  report.say(`Containers cannot run here: ${obstacle}.`)
  report.say(
    'The nodes are simulated instead: pods are scheduled and go through all states, but run no programs.',
  )
  return 'simulated'
}

/** Why what is missing is not there now; undefined when nothing is missing any more. */
async function installMissing({ yes, demo }: RuntimeWishes, report: Report): Promise<string | undefined> {
  const missing = missingRequirements([...nodeRequirements, ...(demo ? [busyboxRequirement] : [])])
  if (missing.length === 0) return undefined
  const packages = missing.map((requirement) => requirement.package)
  const list = packages.join(', ')
  if (!canInstallPackages()) return `${list} are not installed, and there is no apt-get to install them with`
  report.say(`This machine lacks what real containers need: ${list}.`)
  if (!yes && isInteractive() && !(await ask('Install it with apt-get?', true))) {
    throw new CliError(`not without ${list}; '--runtime simulated' needs nothing`, exitCodes.cancelled)
  }
  await report.step(
    `installing ${packages.length === 1 ? list : `${packages.length} packages`} with apt-get`,
    () => installPackages(packages),
  )
  const still = missingRequirements(nodeRequirements).map((requirement) => requirement.package)
  return still.length === 0 ? undefined : `${still.join(', ')} could not be installed`
}

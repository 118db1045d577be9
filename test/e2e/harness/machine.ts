import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { whyNoContainers } from '../../../src/cluster/machine/requirements.ts'
import { runProgram } from './program.ts'

/** Why tests with real containers are skipped here; false when they are not. */
export const withoutContainers: string | false = whyNoContainers() ?? false

/** What there is on the machine that a cluster could have left. */
export interface MachineTraces {
  readonly links: readonly string[]
  readonly namespaces: readonly string[]
  readonly tables: readonly string[]
  readonly mounts: readonly string[]
  readonly cgroups: readonly string[]
  readonly processes: readonly string[]
  readonly sockets: readonly string[]
}

/** Traces of clusters whose name, or whose folder, contains `mark`. */
export async function tracesOf(mark: string, planIndex: number | undefined): Promise<MachineTraces> {
  const link = planIndex === undefined ? undefined : `k8ts${planIndex}`
  const output = async (program: string, ...args: string[]) =>
    (await runProgram(program, args)).stdout.split('\n')
  return {
    links: (await output('ip', '-o', 'link')).filter(
      (line) => link && new RegExp(`: ${link}(-|@|:)`).test(line),
    ),
    namespaces: (await output('ip', 'netns')).filter((line) => line.includes(mark)),
    tables: (await output('nft', 'list', 'tables')).filter((line) => link && line.endsWith(` ${link}`)),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(mark)),
    cgroups: readdirSync('/sys/fs/cgroup').flatMap((hierarchy) => {
      const folder = `/sys/fs/cgroup/${hierarchy}`
      const names = hierarchy.includes(mark) ? [hierarchy] : []
      return [...names, ...listFolder(folder).filter((name) => name.includes(mark))]
    }),
    processes: readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(mark)),
    sockets: listFolder('/run/k8ts').filter((name) => name.includes(mark)),
  }
}

export const noTraces: MachineTraces = {
  links: [],
  namespaces: [],
  tables: [],
  mounts: [],
  cgroups: [],
  processes: [],
  sockets: [],
}

function listFolder(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : []
  } catch {
    return []
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** One mounted hierarchy: version 2 has one for everything, version 1 one for each set of controllers. */
export interface CgroupHierarchy {
  readonly version: 1 | 2
  readonly mountPoint: string
}

/** Every cgroup hierarchy of the machine. */
export function cgroupHierarchies(
  mountInfo = readFileSync('/proc/self/mountinfo', 'utf8'),
): CgroupHierarchy[] {
  return mountInfo.split('\n').flatMap((line): CgroupHierarchy[] => {
    const [left = '', right = ''] = line.split(' - ')
    const mountPoint = left.split(' ')[4]
    const type = right.split(' ')[0]
    if (mountPoint === undefined || !mountPoint.startsWith('/sys/fs/cgroup')) return []
    if (type === 'cgroup2') return [{ version: 2, mountPoint }]
    return type === 'cgroup' ? [{ version: 1, mountPoint }] : []
  })
}

/**
 * The hierarchy whose groups tell which processes belong to a node: `pids` of version 1, else version 2. Containers are
 * in it too, below the kubelet's cgroup root, so that one walk finds every process of a node.
 */
export function trackingHierarchy(hierarchies = cgroupHierarchies()): CgroupHierarchy | undefined {
  return (
    hierarchies.find(({ version, mountPoint }) => version === 1 && /\/([^/]*,)?pids(,|$)/.test(mountPoint)) ??
    hierarchies.find(({ version }) => version === 2)
  )
}

/**
 * Makes the cgroup `path` (absolute, below the root of each hierarchy) where processes are tracked. In version 2 its
 * ancestors hand every controller down, so that the kubelet can limit pods below it.
 */
export function createCgroup(path: string): void {
  const hierarchy = trackingHierarchy()
  if (!hierarchy) throw new Error('the machine has no cgroups')
  mkdirSync(join(hierarchy.mountPoint, path), { recursive: true })
  if (hierarchy.version === 1) return
  let ancestor = hierarchy.mountPoint
  for (const part of path.split('/').filter(Boolean)) {
    const controllers = readFileSync(join(ancestor, 'cgroup.controllers'), 'utf8')
      .split(/\s+/)
      .filter(Boolean)
    for (const controller of controllers) enableController(ancestor, controller)
    ancestor = join(ancestor, part)
  }
}

/** A controller that this kernel does not hand down here (cpu with real-time processes) is left out. */
function enableController(group: string, controller: string): void {
  try {
    writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`)
  } catch (error) {
    if (!['EINVAL', 'EBUSY', 'ENOTSUP', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error
  }
}

/** The file that a process writes its id to in order to enter the cgroup. */
export function cgroupProcsFile(path: string): string {
  const hierarchy = trackingHierarchy()
  if (!hierarchy) throw new Error('the machine has no cgroups')
  return join(hierarchy.mountPoint, path, 'cgroup.procs')
}

/** Ids of all processes in the cgroup and below. */
export function processesIn(path: string): number[] {
  const hierarchy = trackingHierarchy()
  return hierarchy ? groupsBelow(join(hierarchy.mountPoint, path)).flatMap(readProcesses) : []
}

/** Ends every process in the cgroup and below, at once, except this one; resolves when none is left. */
export async function killCgroup(path: string): Promise<void> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const left = processesIn(path).filter((pid) => pid !== process.pid)
    if (left.length === 0) return
    if (performance.now() > deadline)
      throw new Error(`processes ${left.join(', ')} of ${path} cannot be ended`)
    for (const pid of left) killQuietly(pid)
    await delay(5)
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Removes the cgroup and all below it from every hierarchy; they must be without processes. */
export async function removeCgroup(path: string): Promise<void> {
  for (const { mountPoint } of cgroupHierarchies()) {
    for (const group of groupsBelow(join(mountPoint, path)).toReversed()) await removeGroup(group)
  }
}

/** A group whose last process has just ended is busy for a moment. */
async function removeGroup(group: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(group)
      return
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'ENOENT') return
      if (code !== 'EBUSY' || attempt >= 200) throw error
      await delay(10)
    }
  }
}

/** The group and all below it, parents first. */
function groupsBelow(group: string): string[] {
  if (!existsSync(group)) return []
  let children: string[] = []
  try {
    children = readdirSync(group, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(group, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return [group, ...children.flatMap(groupsBelow)]
}

function readProcesses(group: string): number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch (error) {
    // Removed in the meantime, or a threaded group, whose processes its parent shows.
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

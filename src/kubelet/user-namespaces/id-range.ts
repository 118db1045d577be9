import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Users and groups of the node, by number, that pods' user namespaces are cut from. */
export interface IDRange {
  readonly first: number
  readonly length: number
}

/** What this machine says of its users; other answers stand in for it in tests. */
export interface SubordinateIDs {
  /** Whether the machine has the user. */
  hasUser(name: string): Promise<boolean>
  /** What `getsubids` prints with these arguments; undefined where the machine has no such program. */
  getsubids(...args: string[]): Promise<string | undefined>
}

const kubeletUser = 'kubelet'
/** One more than the greatest id. */
const ids = 2 ** 32

/** What a user namespace has at least; all of them have a multiple of it. */
export const idsUnit = 65_536

/** All ids but the first namespace's worth: those are the node's own. */
export function defaultRange(idsPerPod: number): IDRange {
  return { first: idsPerPod, length: ids - idsPerPod }
}

/**
 * The subordinate ids of the user `kubelet`, the same for users and groups; where the machine has no such user, or
 * cannot be asked, all that are not the node's own. Throws an Error where the user is there and its ids are not told:
 * they may stand elsewhere, where nobody answers now, and others may have been given them.
 */
export async function findRange(idsPerPod: number, machine: SubordinateIDs = thisMachine): Promise<IDRange> {
  if (!(await machine.hasUser(kubeletUser))) return defaultRange(idsPerPod)
  const users = await machine.getsubids(kubeletUser)
  if (users === undefined) return defaultRange(idsPerPod)
  if (users !== (await machine.getsubids('-g', kubeletUser))) {
    throw new Error(`kubelet mappings: mismatched subuids and subgids for user "${kubeletUser}"`)
  }
  return parseRange(users)
}

/** One line of `getsubids`: `0: kubelet 65536 2147483648`. */
function parseRange(output: string): IDRange {
  const text = output.trim()
  const numbers = /^\S+\s+\S+\s+(\d+)\s+(\d+)$/.exec(text)
  if (!numbers) throw new Error(`kubelet mappings: error parsing line ${JSON.stringify(text)}`)
  return { first: Number(numbers[1]), length: Number(numbers[2]) }
}

/** Throws an Error, in upstream's words, where the range cannot be cut into one namespace for each pod. */
export function checkRange({ first, length }: IDRange, idsPerPod: number, maxPods: number): void {
  const problem =
    first % idsPerPod !== 0
      ? `ID ${first} is not a multiple of ${idsPerPod}`
      : first < idsPerPod
        ? `ID ${first} must be greater or equal to ${idsPerPod}`
        : length % idsPerPod !== 0
          ? `IDs length ${length} is not a multiple of ${idsPerPod}`
          : length / idsPerPod < maxPods
            ? `IDs are not enough to support ${maxPods} pods`
            : undefined
  if (problem !== undefined) throw new Error(`kubelet user assigned ${problem}`)
}

const thisMachine: SubordinateIDs = {
  async hasUser(name) {
    const users = await readFile('/etc/passwd', 'utf8')
    return users.split('\n').some((line) => line.startsWith(`${name}:`))
  },
  async getsubids(...args) {
    try {
      return (await run('getsubids', args)).stdout
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new Error(`kubelet mappings: error retrieving additional ids for user "${kubeletUser}"`, {
        cause: error,
      })
    }
  },
}

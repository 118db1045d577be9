import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readIfExists, writeAtomically } from './atomic-file.ts'

export interface SharedSettingOptions {
  /** A file of the kernel's that holds the setting. */
  readonly file: string
  readonly wanted: string
  /** Where who needs it, and what it was, is written down until the machine boots again. */
  readonly memory: string
}

/** A setting of the machine that several clusters need. */
export interface SharedSetting {
  /** Makes it what is wanted for one more user; does nothing where that is known. */
  switchOn(user: number): void
  /** Makes it what it was before the first user came, when this was the last. */
  switchOff(user: number): void
}

interface Memory {
  readonly before: string
  readonly users: readonly number[]
}

/** What somebody else has changed in the meantime stays. */
export function sharedSetting({ file, wanted, memory }: SharedSettingOptions): SharedSetting {
  const read = () => readFileSync(file, 'utf8').trim()
  const known = (): Memory | undefined => {
    const text = readIfExists(memory)
    return text === undefined ? undefined : (JSON.parse(text) as Memory)
  }
  return {
    switchOn(user) {
      const { before, users } = known() ?? { before: read(), users: [] }
      writeAtomically(memory, JSON.stringify({ before, users: [...new Set([...users, user])] }))
      if (read() !== wanted) writeFileSync(file, wanted)
    },
    switchOff(user) {
      const found = known()
      if (!found) return
      const users = found.users.filter((other) => other !== user)
      if (users.length > 0) return writeAtomically(memory, JSON.stringify({ ...found, users }))
      if (found.before !== wanted && read() === wanted) writeFileSync(file, found.before)
      rmSync(memory, { force: true })
    },
  }
}

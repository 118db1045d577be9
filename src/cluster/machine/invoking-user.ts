import { chownSync, existsSync } from 'node:fs'

/** On whose behalf sudo runs us; undefined when it is nobody else's. */
function invokingUser(): { readonly uid: number; readonly gid: number } | undefined {
  const [uid, gid] = [Number(process.env['SUDO_UID']), Number(process.env['SUDO_GID'])]
  const forOther = process.getuid?.() === 0 && Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)
  return forOther ? { uid, gid } : undefined
}

/** Gives files that root made to the user on whose behalf it did. */
export function giveToInvokingUser(...paths: readonly string[]): void {
  const user = invokingUser()
  if (!user) return
  for (const path of paths) if (existsSync(path)) chownSync(path, user.uid, user.gid)
}

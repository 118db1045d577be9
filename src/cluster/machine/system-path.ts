/** Where distributions put what administrators run; the PATH of ordinary users, of su and of sudo's `env` often lacks some. */
const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** The search path with every system folder on it, in the order of `path` first. */
export function withSystemFolders(path: string | undefined): string {
  return [...new Set([...(path ?? '').split(':').filter(Boolean), ...systemFolders])].join(':')
}

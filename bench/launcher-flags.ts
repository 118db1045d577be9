import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What bin/k8ts gives Node.js, so that what is measured outside of it runs alike. */
export function launcherFlags(): string[] {
  const launcher = readFileSync(join(import.meta.dirname, '../bin/k8ts'), 'utf8')
  const flags = /^flags=\$\{K8TS_NODE_FLAGS-(.*)\}$/m.exec(launcher)?.[1]
  if (flags === undefined) throw new Error('bin/k8ts does not say which flags it gives Node.js')
  return (process.env['K8TS_NODE_FLAGS'] ?? flags).split(' ').filter(Boolean)
}

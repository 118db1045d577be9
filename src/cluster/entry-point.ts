import { fileURLToPath } from 'node:url'

/** The file that starts a process of ours: in the bundle beside this one, else its source. */
export function entryPoint(name: 'k8ts' | 'agent'): string {
  const sources = { k8ts: './main.ts', agent: './agent-main.ts' }
  const file = import.meta.url.endsWith('.ts') ? sources[name] : `./${name}.js`
  return fileURLToPath(new URL(file, import.meta.url))
}

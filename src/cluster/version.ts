import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version in package.json, the nearest above this file that is k8ts's. */
export function k8tsVersion(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const found = readPackage(join(folder, 'package.json'))
    if (found?.name === 'k8ts') return found.version
  }
  throw new Error('the package.json of k8ts is missing')
}

function readPackage(file: string): { readonly name?: string; readonly version: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version: string }
  } catch {
    return undefined
  }
}

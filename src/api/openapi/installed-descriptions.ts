import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { declarationNames, readDeclaredDescriptions } from './declared-descriptions.ts'
import type { DescriptionSource } from './input.ts'

/**
 * Texts out of an installed @kubernetes/client-node; undefined when there is none, which is no fault. Files are read
 * when a type is described and nothing of them is kept: documents are made once and kept by the caller.
 */
export function installedDescriptions(): DescriptionSource | undefined {
  const folder = modelsFolder()
  if (!folder) return undefined
  return {
    id: folder,
    describe(openapiName) {
      const name = declarationNames(openapiName).find((candidate) => existsSync(fileOf(folder, candidate)))
      return name === undefined
        ? undefined
        : readDeclaredDescriptions(readFileSync(fileOf(folder, name), 'utf8'))
    },
  }
}

function modelsFolder(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve('@kubernetes/client-node')
    const folder = join(dirname(entry), 'gen/models')
    return existsSync(folder) ? folder : undefined
  } catch (error) {
    if ((error as { code?: string }).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function fileOf(folder: string, name: string): string {
  return join(folder, `${name}.d.ts`)
}

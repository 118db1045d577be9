import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CliError } from '../cli/cli-error.ts'

const pemBlock = /-----BEGIN ([^-]+)-----[^-]*-----END \1-----/g

/** The keys in a file: public ones, or those of private ones and of certificates. Throws a CliError. */
export function readTokenKeys(path: string): readonly KeyObject[] {
  try {
    const keys = (readFileSync(path, 'utf8').match(pemBlock) ?? []).map((pem) => createPublicKey(pem))
    if (keys.length > 0) return keys
  } catch (error) {
    throw new CliError(`failed to parse service-account-key-file ${path}: ${(error as Error).message}`)
  }
  throw new CliError(`failed to parse service-account-key-file ${path}: it holds no key`)
}

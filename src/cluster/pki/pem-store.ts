import { join } from 'node:path'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'

/** Where certificates and keys are kept, by the names that kubeadm gives its files: `ca.crt`, `ca.key`. */
export interface PemStore {
  read(file: string): string | undefined
  write(file: string, pem: string): void
}

/** Files below `folder`; only their owner may read keys. */
export function folderPemStore(folder: string): PemStore {
  return {
    read: (file) => readIfExists(join(folder, file)),
    write: (file, pem) => writeAtomically(join(folder, file), pem, file.endsWith('.key') ? 0o600 : 0o644),
  }
}

/** For clusters that leave nothing behind. */
export function memoryPemStore(): PemStore {
  const files = new Map<string, string>()
  return { read: (file) => files.get(file), write: (file, pem) => void files.set(file, pem) }
}

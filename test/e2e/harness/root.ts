import { join } from 'node:path'

/** The repository. */
export const root = join(import.meta.dirname, '../../..')

/** The command under test. */
export const k8ts = join(root, 'bin/k8ts')

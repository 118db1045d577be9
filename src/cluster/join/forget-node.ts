import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nodes } from '../../api/generated/resources.ts'
import { createHttpClient } from '../../client/http/http-client.ts'
import { loadKubeconfig } from '../../client/kubeconfig.ts'
import { isNotFound, isStatusError } from '../../machinery/status-errors.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'

/** The server's own token, in its folder. */
export function serverTokenFile(folder: ClusterFolder): string {
  return join(folder.path, 'join-token')
}

/** Whether the folder is that of a control plane which machines join (`k8ts server`). */
export function isServerFolder(folder: ClusterFolder): boolean {
  return existsSync(serverTokenFile(folder)) && existsSync(folder.kubeconfig)
}

/**
 * Removes the Node of a machine that joined. What runs there is its own: it belongs to the cluster again when its agent is
 * started anew. Throws CliError where there is no such node, or no server that answers.
 */
export async function forgetNode(folder: ClusterFolder, name: string): Promise<void> {
  const { connection } = await loadKubeconfig({ paths: [folder.kubeconfig] })
  const client = createHttpClient({ ...connection, maxSessions: 1 })
  try {
    await client.delete(nodes, { name })
  } catch (error) {
    if (isNotFound(error)) {
      throw new CliError(`cluster ${folder.name} has no node ${name}`, exitCodes.notFound)
    }
    if (isStatusError(error)) throw error
    throw new CliError(`cluster ${folder.name} does not run: ${String(error)}`, exitCodes.notRunning)
  } finally {
    client.close()
  }
}

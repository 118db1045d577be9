import { configMaps } from '../../api/generated/resources.ts'
import { createHttpClient } from '../../client/http/http-client.ts'
import { yaml } from '../../machinery/yaml.ts'
import { CliError } from '../cli/cli-error.ts'
import { isPinned, type JoinToken } from './join-token.ts'

/**
 * The cluster's authority, PEM, from servers that nothing is known of yet: what it says is believed because the token
 * names the authority's key.
 */
export async function discoverAuthority(servers: readonly string[], token: JoinToken): Promise<string> {
  const [server = '', ...otherServers] = servers
  const client = createHttpClient({ server, otherServers, insecureSkipTlsVerify: true, maxSessions: 1 })
  try {
    const { data } = await client.get(configMaps, { namespace: 'kube-public', name: 'cluster-info' })
    const authorityPem = authorityIn(data?.['kubeconfig'] ?? '')
    if (authorityPem === undefined || !isPinned(authorityPem, token)) {
      throw new CliError(`${servers.join(', ')} is not the cluster that the token is for`)
    }
    return authorityPem
  } finally {
    client.close()
  }
}

/** A kubeconfig without contexts or users. */
function authorityIn(text: string): string | undefined {
  const config = yaml().load(text) as {
    readonly clusters?: readonly { readonly cluster?: { readonly 'certificate-authority-data'?: string } }[]
  } | null
  const data = config?.clusters?.[0]?.cluster?.['certificate-authority-data']
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString()
}

import type { TokenRequest } from '../../api/generated/authentication.v1.ts'
import { serviceAccounts } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { createHttpClient, type HttpClient } from '../../client/http/http-client.ts'
import type { ConnectionOptions } from '../../client/kubeconfig.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'

const namespace = 'kube-system'
const lifetimeSeconds = 3600
/** A token is asked for anew when less than this share of its time is left. */
const leftShare = 0.2

export interface ServiceAccountClients {
  of(account: string): Client
  close(): void
}

/**
 * Clients for service accounts in kube-system, by tokens that `client` asks for: each controller acts as its own.
 * Source: k8s.io/controller-manager/pkg/clientbuilder, DynamicControllerClientBuilder.
 */
export function createServiceAccountClients(
  client: Client,
  connection: ConnectionOptions,
  { clock, log, userAgent }: { readonly clock: Clock; readonly log: Logger; readonly userAgent: string },
): ServiceAccountClients {
  const { certData: _, certFile: _f, keyData: _k, keyFile: _l, tokenFile: _t, ...anonymous } = connection
  const clients = new Map<string, HttpClient>()

  const tokenOf = (account: string) => {
    let held: { readonly token: string; readonly renewAtMs: number } | undefined
    let asking: Promise<void> | undefined
    return async () => {
      if (!held || clock.now() >= held.renewAtMs) {
        asking ??= requestToken(client, account)
          .then((token) => {
            held = { token, renewAtMs: clock.now() + lifetimeSeconds * (1 - leftShare) * 1000 }
          })
          .finally(() => (asking = undefined))
        // An old token is good for a while yet.
        if (held) asking.catch((error: unknown) => log.warn('token was not renewed', { account, error }))
        else await asking
      }
      return held?.token
    }
  }

  return {
    of(account) {
      const known = clients.get(account)
      if (known) return known
      const made = createHttpClient({
        ...anonymous,
        token: tokenOf(account),
        maxSessions: 1,
        userAgent,
        log,
      })
      clients.set(account, made)
      return made
    },
    close() {
      for (const made of clients.values()) made.close()
    },
  }
}

async function requestToken(client: Client, name: string): Promise<string> {
  const spec = { expirationSeconds: lifetimeSeconds, audiences: [] }
  const ask = () =>
    client.createSubresource<TokenRequest>(serviceAccounts, { namespace, name }, 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
    } as TokenRequest)
  try {
    return (await ask()).status?.token ?? ''
  } catch (error) {
    if (!isNotFound(error)) throw error
    await create(client, name)
    return (await ask()).status?.token ?? ''
  }
}

async function create(client: Client, name: string): Promise<void> {
  try {
    await client.create(serviceAccounts, { metadata: { namespace, name } })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

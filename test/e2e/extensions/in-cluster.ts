import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { json } from 'node:stream/consumers'

const folder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Asks the API server of the cluster, as the pod's service account. */
export function askCluster<T>(method: string, path: string, body?: object): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const sent = request({
    host: process.env['KUBERNETES_SERVICE_HOST'],
    port: process.env['KUBERNETES_SERVICE_PORT'],
    ca: readFileSync(`${folder}/ca.crt`),
    method,
    path,
    headers: {
      authorization: `Bearer ${readFileSync(`${folder}/token`, 'utf8')}`,
      'content-type': 'application/json',
    },
  })
  sent.on('error', reject)
  sent.on('response', (response) => {
    json(response).then((answer) => {
      const { statusCode = 0 } = response
      if (statusCode < 300) resolve(answer as T)
      else reject(new Error(`${method} ${path}: ${statusCode} ${JSON.stringify(answer)}`))
    }, reject)
  })
  sent.end(body && JSON.stringify(body))
  return promise
}

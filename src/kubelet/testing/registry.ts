import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { digest, imageDocuments, manifestType, type ImageDefinition } from './oci-image.ts'

/** A registry of this machine's, with one image that only one user may have. */
export interface TestRegistry {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  /** Who asked for the manifest: `user:password`, or `''`. */
  readonly askers: readonly string[]
  stop(): Promise<void>
}

/** Serves the image as `<host>/<name>` by the distribution specification's pull part, over plain HTTP. */
export async function startTestRegistry(image: ImageDefinition, credentials: string): Promise<TestRegistry> {
  const { manifest, config, layer } = imageDocuments(image)
  const [name, tag = 'latest'] = image.name.split(':')
  const blobs = new Map([config, layer].map((content) => [digest(content), content]))
  const askers: string[] = []
  const server = createServer((request, response) => {
    const [, encoded = ''] = (request.headers.authorization ?? '').split(' ')
    const asker = Buffer.from(encoded, 'base64').toString()
    const path = request.url ?? ''
    if (path.includes('/manifests/')) askers.push(asker)
    if (asker !== credentials) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end()
    }
    const answer = (type: string, content: Buffer) =>
      response
        .writeHead(200, {
          'content-type': type,
          'content-length': content.length,
          'docker-content-digest': digest(content),
        })
        .end(request.method === 'HEAD' ? undefined : content)
    if (path === '/v2/') return void response.writeHead(200).end()
    const reference = path.startsWith(`/v2/${name}/manifests/`) && path.split('/').at(-1)
    if (reference === tag || reference === digest(manifest)) return void answer(manifestType, manifest)
    const blob = path.startsWith(`/v2/${name}/blobs/`) && blobs.get(path.split('/').at(-1) ?? '')
    if (blob) return void answer('application/octet-stream', blob)
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    askers,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

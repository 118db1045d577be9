import type { Container, Volume } from '../../../src/api/generated/core.v1.ts'
import { dirname } from 'node:path'
import { testImage } from '../harness/test-cluster.ts'

/** This Node.js and the libraries it needs, of the machine itself: the image has none. */
const folders = { node: dirname(process.execPath), lib: '/lib', lib64: '/lib64', 'usr-lib': '/usr/lib' }
const mountPaths = { node: '/node', lib: '/lib', lib64: '/lib64', 'usr-lib': '/usr/lib' }

export const grpcServerVolumes: readonly Volume[] = Object.entries(folders).map(([name, path]) => ({
  name,
  hostPath: { path },
}))

/** Answers every call on port 8080 as gRPC's health service does: SERVING is 1, NOT_SERVING 2. */
const program = (status: number) => `
require('node:http2').createServer().on('stream', (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, ${status}]))
}).listen(8080)
process.on('SIGTERM', () => process.exit())`

/** A container with a gRPC health service, which serves or says that it does not. */
export function grpcServer(isServing: boolean, rest: Partial<Container>): Container {
  return {
    name: 'main',
    image: testImage,
    command: ['/node/node', '-e', program(isServing ? 1 : 2)],
    volumeMounts: Object.entries(mountPaths).map(([name, mountPath]) => ({
      name,
      mountPath,
      readOnly: true,
    })),
    ...rest,
  }
}

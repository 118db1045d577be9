import { rmSync } from 'node:fs'
import { Registration } from '../../../src/kubelet/plugins/generated/registration_pb.ts'
import { registration } from '../harness/csi-driver.ts'
import { serveGrpc } from '../harness/grpc-server.ts'

/** The part of node-driver-registrar: tells the kubelet of a driver, by the path that the host has its socket at. */
const { DRIVER: name = '', REGISTRATION_PATH: endpoint = '' } = process.env
const socket = `/registration/${name}-reg.sock`
rmSync(socket, { force: true })
const handlers = registration(name, endpoint, (status) => console.log(status))
await serveGrpc(socket, [{ service: Registration, handlers }])
process.on('SIGTERM', () => process.exit(0))

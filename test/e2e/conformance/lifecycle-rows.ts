import assert from 'node:assert/strict'
import type { Container, Pod } from '../../../src/api/generated/core.v1.ts'
import { testImage } from '../harness/test-cluster.ts'
import type { PodRow } from './pod-row.ts'

const notRestarted = ({ status }: Pod) => {
  for (const { restartCount } of status?.containerStatuses ?? []) assert.equal(restartCount, 0)
}

/** Longer than any probe below takes to fail for good. */
const staysAlive = 'sleep 6'

const data = { volumes: [{ name: 'data', emptyDir: {} }] }
const volumeMounts = [{ name: 'data', mountPath: '/data' }]

/** A web server beside the main container that keeps a list of what it was asked for, and is there before it. */
const listener: Container = {
  name: 'listener',
  image: testImage,
  command: ['sh', '-c', 'echo > /data/index.html; exec httpd -f -vv -p 8080 -h /data 2>> /data/log'],
  restartPolicy: 'Always',
  startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  volumeMounts,
}

const hooks: readonly PodRow[] = [
  {
    title: 'a command run behind its start',
    container: { lifecycle: { postStart: { exec: { command: ['touch', '/tmp/hook'] } } } },
    script: 'until [ -f /tmp/hook ]; do sleep 1; done; echo ran',
    prints: 'ran\n',
  },
  {
    title: 'a request made behind its start',
    spec: { ...data, initContainers: [listener] },
    container: {
      volumeMounts,
      lifecycle: { postStart: { httpGet: { path: '/index.html?hook=postStart', port: 8080 } } },
    },
    script: 'until grep -q index.html /data/log; do sleep 1; done; echo asked',
    prints: 'asked\n',
  },
]

const probes: readonly PodRow[] = [
  {
    title: 'no restart while its command finds it alive',
    container: {
      livenessProbe: { exec: { command: ['cat', '/tmp/health'] }, periodSeconds: 1, failureThreshold: 1 },
      lifecycle: { postStart: { exec: { command: ['touch', '/tmp/health'] } } },
    },
    script: `touch /tmp/health; ${staysAlive}`,
    check: notRestarted,
  },
  {
    title: 'no restart while its port answers',
    spec: { ...data, initContainers: [listener] },
    container: { livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 } },
    script: staysAlive,
    check: notRestarted,
  },
  {
    title: 'no restart while its page is found',
    spec: { ...data, initContainers: [listener] },
    container: {
      livenessProbe: { httpGet: { path: '/index.html', port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
    },
    script: staysAlive,
    check: notRestarted,
  },
  {
    title: 'an end when its page is not found',
    spec: { ...data, initContainers: [listener] },
    container: {
      livenessProbe: { httpGet: { path: '/none', port: 8080 }, periodSeconds: 1, failureThreshold: 2 },
    },
    script: 'sleep 60',
    phase: 'Failed',
  },
]

const services: readonly PodRow[] = [
  {
    title: 'the addresses of services as variables',
    objects: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'foo-service' },
        spec: { ports: [{ port: 8765, targetPort: 8080 }], selector: { name: 'none' } },
      },
    ],
    script: 'env | grep ^FOO_SERVICE',
    prints:
      /^(?=[\s\S]*FOO_SERVICE_SERVICE_HOST=10\.)(?=[\s\S]*FOO_SERVICE_SERVICE_PORT=8765\n)(?=[\s\S]*FOO_SERVICE_PORT=tcp:\/\/10\.\d+\.\d+\.\d+:8765\n)(?=[\s\S]*FOO_SERVICE_PORT_8765_TCP_PROTO=tcp\n)(?=[\s\S]*FOO_SERVICE_PORT_8765_TCP_ADDR=10\.)/,
  },
]

/** What happens to a pod from its start to its end. */
export const lifecycleRows: readonly PodRow[] = [...hooks, ...probes, ...services]

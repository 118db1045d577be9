import type { Deployment } from '../../../src/api/generated/apps.v1.ts'
import type { Container, Pod, PodSpec, Service } from '../../../src/api/generated/core.v1.ts'
import { testImage } from './test-cluster.ts'

/** A container that runs a shell script. */
export function shell(script: string, rest: Partial<Container> = {}): Container {
  return { name: 'main', image: testImage, command: ['sh', '-c', script], ...rest }
}

/** Sleeps, and ends at once when told to. */
export const sleepScript = "trap 'exit 0' TERM; while :; do sleep 0.1; done"

export function aPod(name: string, container: Container, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [container], ...spec },
  }
}

/** A web server on port 8080 that answers with the pod's name, and with `version` at /version. */
export function aWebDeployment(name: string, replicas: number, version = '1'): Deployment {
  const script = `
mkdir /tmp/www; echo "$POD_NAME" > /tmp/www/index.html; echo ${version} > /tmp/www/version
trap 'sleep 1; kill $server; exit 0' TERM
httpd -f -p 8080 -h /tmp/www & server=$!
wait $server`
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            shell(script, {
              ports: [{ containerPort: 8080 }],
              env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
            }),
          ],
        },
      },
    },
  }
}

export function aService(name: string, spec: Partial<Service['spec'] & object> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  }
}

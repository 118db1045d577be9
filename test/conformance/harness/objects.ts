import type { Deployment, ReplicaSet } from '../../../src/api/generated/apps.v1.ts'
import type {
  Pod,
  PodSpec,
  PodTemplateSpec,
  ReplicationController,
} from '../../../src/api/generated/core.v1.ts'

/** A container that runs until it is stopped. */
export const server = { name: 'main', image: 'server:1' }

export function aPod(namespace: string, name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    metadata: { namespace, name, labels: { name } },
    spec: { terminationGracePeriodSeconds: 0, containers: [server], ...spec },
  }
}

export function aTemplate(name: string, spec: Partial<PodSpec> = {}): PodTemplateSpec {
  return {
    metadata: { labels: { name } },
    spec: { terminationGracePeriodSeconds: 0, containers: [server], ...spec },
  }
}

export function aReplicationController(
  namespace: string,
  name: string,
  replicas: number,
): ReplicationController {
  return { metadata: { namespace, name }, spec: { replicas, selector: { name }, template: aTemplate(name) } }
}

export function aReplicaSet(namespace: string, name: string, replicas: number): ReplicaSet {
  return {
    metadata: { namespace, name, labels: { name } },
    spec: { replicas, selector: { matchLabels: { name } }, template: aTemplate(name) },
  }
}

export function aDeployment(namespace: string, name: string, replicas: number): Deployment {
  return {
    metadata: { namespace, name, labels: { name } },
    spec: { replicas, selector: { matchLabels: { name } }, template: aTemplate(name) },
  }
}

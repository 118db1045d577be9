import type { DaemonSet, Deployment, StatefulSet } from '../../api/generated/apps.v1.ts'
import type { CronJob, Job } from '../../api/generated/batch.v1.ts'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
  Service,
} from '../../api/generated/core.v1.ts'
import type { Random } from '../../machinery/random.ts'

/* Workloads of generated scenarios: an application each, its pods labelled `app`. */

export const namespace = 'default'
const greatestReplicas = 6

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random.next() * values.length)]!
}

export function someReplicas(random: Random): number {
  return Math.floor(random.next() * (greatestReplicas + 1))
}

function template(
  app: string,
  image = 'app:1',
  spec: Partial<PodTemplateSpec['spec']> = {},
): PodTemplateSpec {
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 5, containers: [{ name: 'main', image }], ...spec },
  }
}

export function aDeployment(random: Random, app: string, within = namespace): Deployment {
  const budgets = [
    { maxSurge: 1, maxUnavailable: 0 },
    { maxSurge: 0, maxUnavailable: 1 },
    { maxSurge: '25%', maxUnavailable: '25%' },
    { maxSurge: 2, maxUnavailable: 2 },
  ]
  return {
    metadata: { namespace: within, name: app },
    spec: {
      replicas: someReplicas(random),
      selector: { matchLabels: { app } },
      strategy:
        random.next() < 0.2
          ? { type: 'Recreate' }
          : { type: 'RollingUpdate', rollingUpdate: pick(random, budgets) },
      minReadySeconds: pick(random, [0, 0, 3]),
      template: template(app),
    },
  }
}

export function aStatefulSet(random: Random, app: string): StatefulSet {
  return {
    metadata: { namespace, name: app },
    spec: {
      replicas: someReplicas(random),
      serviceName: app,
      podManagementPolicy: pick(random, ['OrderedReady', 'Parallel']),
      selector: { matchLabels: { app } },
      template: template(app),
    },
  }
}

export function aDaemonSet(app: string): DaemonSet {
  return {
    metadata: { namespace, name: app },
    spec: { selector: { matchLabels: { app } }, template: template(app) },
  }
}

export function aJob(random: Random, app: string): Job {
  const completions = 1 + Math.floor(random.next() * 4)
  const made = template(app, 'app:1', {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: 'app:1', command: ['sleep', '10'] }],
  })
  return {
    metadata: { namespace, name: app },
    spec: {
      completions,
      parallelism: 2,
      backoffLimit: 100,
      completionMode: pick(random, ['Indexed', 'NonIndexed']),
      template: made,
    },
  }
}

export const keptHistory = 2

/** Runs every minute, for longer than that now and then. */
export function aCronJob(random: Random, app: string): CronJob {
  const command = ['sleep', pick(random, ['5', '90'])]
  const spec = { restartPolicy: 'Never' as const, containers: [{ name: 'main', image: 'app:1', command }] }
  return {
    metadata: { namespace, name: app },
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy: pick(random, ['Allow', 'Forbid', 'Replace']),
      successfulJobsHistoryLimit: keptHistory,
      failedJobsHistoryLimit: keptHistory,
      jobTemplate: { spec: { backoffLimit: 100, template: template(app, 'app:1', spec) } },
    },
  }
}

export function aVolume(name: string): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: `/${name}` },
    },
  }
}

/** Takes any volume that there is. */
export function aClaim(name: string): PersistentVolumeClaim {
  return {
    metadata: { namespace, name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      resources: { requests: { storage: '1Gi' } },
    },
  }
}

export function aService(app: string): Service {
  return {
    metadata: { namespace, name: app },
    spec: { selector: { app }, ports: [{ port: 80 }] },
  }
}

export function isActive({ metadata, status }: Pod): boolean {
  return !metadata?.deletionTimestamp && status?.phase !== 'Failed' && status?.phase !== 'Succeeded'
}

export function appOf({ metadata }: { readonly metadata?: Pod['metadata'] }): string {
  return metadata?.labels?.['app'] ?? ''
}

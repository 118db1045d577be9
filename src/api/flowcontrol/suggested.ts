import type {
  FlowSchemaSpec,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
  Subject,
} from '../generated/flowcontrol.v1.ts'

/**
 * What every cluster begins with and administrators may change, so that nodes, leaders, controllers and everybody else
 * do not wait for one another. Source: k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap.
 */

const everyVerb = ['*']
const anywhere = ['*']

function resourceRule(
  verbs: readonly string[],
  apiGroups: readonly string[],
  resources: readonly string[],
  clusterScope = true,
): ResourcePolicyRule {
  return { verbs, apiGroups, resources, namespaces: anywhere, ...(clusterScope && { clusterScope }) }
}

const everything = {
  resourceRules: [resourceRule(everyVerb, ['*'], ['*'])],
  nonResourceRules: [{ verbs: everyVerb, nonResourceURLs: ['*'] }],
}

function groups(...names: readonly string[]): Subject[] {
  return names.map((name) => ({ kind: 'Group', group: { name } }))
}

function users(...names: readonly string[]): Subject[] {
  return names.map((name) => ({ kind: 'User', user: { name } }))
}

const systemServiceAccounts: Subject = {
  kind: 'ServiceAccount',
  serviceAccount: { namespace: 'kube-system', name: '*' },
}

interface Outline extends Pick<FlowSchemaSpec, 'rules'> {
  readonly level: string
  readonly precedence: number
  readonly by?: 'ByUser' | 'ByNamespace'
}

function schema({ level, precedence, by, rules }: Outline): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by && { distinguisherMethod: { type: by } }),
    ...(rules && { rules }),
  }
}

const leases = (verbs: readonly string[]) => resourceRule(verbs, ['coordination.k8s.io'], ['leases'], false)

export const suggestedFlowSchemas: Readonly<Record<string, FlowSchemaSpec>> = {
  'system-nodes': schema({
    level: 'system',
    precedence: 500,
    by: 'ByUser',
    rules: [{ subjects: groups('system:nodes'), ...everything }],
  }),
  'system-node-high': schema({
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    rules: [
      {
        subjects: groups('system:nodes'),
        resourceRules: [resourceRule(everyVerb, [''], ['nodes', 'nodes/status']), leases(everyVerb)],
      },
    ],
  }),
  probes: schema({
    level: 'exempt',
    precedence: 2,
    rules: [
      {
        subjects: groups('system:unauthenticated', 'system:authenticated'),
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
      },
    ],
  }),
  'system-leader-election': schema({
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    rules: [
      {
        subjects: [
          ...users('system:kube-controller-manager', 'system:kube-scheduler'),
          systemServiceAccounts,
        ],
        resourceRules: [leases(['get', 'create', 'update'])],
      },
    ],
  }),
  'kube-controller-manager': schema({
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [{ subjects: users('system:kube-controller-manager'), ...everything }],
  }),
  'kube-scheduler': schema({
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    rules: [{ subjects: users('system:kube-scheduler'), ...everything }],
  }),
  'kube-system-service-accounts': schema({
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    rules: [{ subjects: [systemServiceAccounts], ...everything }],
  }),
  'service-accounts': schema({
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    rules: [{ subjects: groups('system:serviceaccounts'), ...everything }],
  }),
  'global-default': schema({
    level: 'global-default',
    precedence: 9900,
    by: 'ByUser',
    rules: [{ subjects: groups('system:unauthenticated', 'system:authenticated'), ...everything }],
  }),
}

function level(
  nominalConcurrencyShares: number,
  lendablePercent: number,
  queues: number,
  handSize = 6,
): PriorityLevelConfigurationSpec {
  return {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares,
      lendablePercent,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
    },
  }
}

export const suggestedPriorityLevels: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  system: level(30, 33, 64),
  'node-high': level(40, 25, 64),
  'leader-election': level(10, 0, 16, 4),
  'workload-high': level(40, 50, 128),
  'workload-low': level(100, 90, 128),
  'global-default': level(20, 50, 128),
}

import assert from 'node:assert/strict'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import { testImage } from '../harness/test-cluster.ts'
import type { PodRow } from './pod-row.ts'

/** Its entry point prints `entry` and its arguments, which are `default`. */
export const entryImage = 'k8ts.test/entry:1'

const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings' },
  data: { one: 'value-1', two: 'value-2' },
}
const secret = { ...configMap, kind: 'Secret', data: { one: btoa('value-1'), two: btoa('value-2') } }

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
const resource = (name: string, resource: string) => ({ name, valueFrom: { resourceFieldRef: { resource } } })
const resources = {
  requests: { cpu: '250m', memory: '32Mi' },
  limits: { cpu: '1250m', memory: '64Mi' },
}
const amounts = ['limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
const allAmounts = amounts.map((name) => resource(name.replace('.', '_'), name))
const printAmounts = 'echo $limits_cpu $limits_memory $requests_cpu $requests_memory'

const terminated = ({ status }: Pod) => status?.containerStatuses?.[0]?.state?.terminated

const entry = { image: entryImage }
const emptyVolume = { name: 'data', emptyDir: {} }

const environment: readonly PodRow[] = [
  {
    title: 'a config map’s key as a variable',
    objects: [configMap],
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'one' } } }] },
    script: 'echo $A',
    prints: 'value-1\n',
  },
  {
    title: 'all of a config map as variables',
    objects: [configMap],
    container: {
      envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'p_', configMapRef: { name: 'settings' } }],
    },
    script: 'echo $one $two $p_one $p_two',
    prints: 'value-1 value-2 value-1 value-2\n',
  },
  {
    title: 'a secret’s key as a variable',
    objects: [secret],
    container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'settings', key: 'one' } } }] },
    script: 'echo $A',
    prints: 'value-1\n',
  },
  {
    title: 'all of a secret as variables',
    objects: [secret],
    container: {
      envFrom: [{ secretRef: { name: 'settings' } }, { prefix: 'p_', secretRef: { name: 'settings' } }],
    },
    script: 'echo $one $two $p_one $p_two',
    prints: 'value-1 value-2 value-1 value-2\n',
  },
  {
    title: 'its name, namespace and address as variables',
    container: {
      env: [
        field('NAME', 'metadata.name'),
        field('SPACE', 'metadata.namespace'),
        field('IP', 'status.podIP'),
      ],
    },
    script: 'echo $NAME $SPACE $IP',
    prints: ({ metadata, status }) => `pod ${metadata?.namespace} ${status?.podIP}\n`,
  },
  {
    title: 'the address of its node as a variable',
    container: { env: [field('IP', 'status.hostIP')] },
    script: 'echo $IP',
    prints: ({ status }) => `${status?.hostIP}\n`,
  },
  {
    title: 'all addresses of its node as a variable',
    container: { env: [field('IPS', 'status.hostIPs')] },
    script: 'echo $IPS',
    prints: ({ status }) => `${status?.hostIPs?.map(({ ip }) => ip).join()}\n`,
  },
  ...(
    [
      ['a config map', configMap, 'configMapRef'],
      ['a secret', secret, 'secretRef'],
    ] as const
  ).map(([what, object, reference]): PodRow => ({
    title: `variables of ${what} behind prefixes of any characters`,
    objects: [object],
    // A shell would leave out what it cannot name.
    container: {
      command: ['env'],
      envFrom: ['#_', '$_', '1-', 'p. '].map((prefix) => ({ prefix, [reference]: { name: 'settings' } })),
    },
    prints:
      /^(?=[^]*^#_one=value-1$)(?=[^]*^\$_one=value-1$)(?=[^]*^1-one=value-1$)(?=[^]*^p\. one=value-1$)/m,
  })),
  {
    title: 'its identity as a variable',
    container: { env: [field('ID', 'metadata.uid')] },
    script: 'echo $ID',
    prints: ({ metadata }) => `${metadata?.uid}\n`,
  },
  {
    title: 'its requests and limits as variables',
    container: { env: allAmounts, resources },
    script: printAmounts,
    prints: '2 67108864 1 33554432\n',
  },
  {
    title: 'what its node can give as its limits where it has none',
    container: { env: allAmounts.slice(0, 2) },
    script: 'echo $limits_cpu $limits_memory',
    prints: /^[1-9]\d* [1-9]\d+\n$/,
  },
  {
    title: 'variables made of variables',
    container: {
      env: [
        { name: 'A', value: 'a' },
        { name: 'B', value: '$(A);;$(NONE)' },
      ],
    },
    script: 'echo "$B"',
    prints: 'a;;$(NONE)\n',
  },
  {
    title: 'variables in its command',
    container: { env: [{ name: 'A', value: 'a' }], command: ['sh', '-c', 'echo "$(A)"'] },
    prints: 'a\n',
  },
  {
    title: 'variables in its arguments',
    container: { env: [{ name: 'A', value: 'a' }], command: ['sh', '-c'], args: ['echo "$(A)"'] },
    prints: 'a\n',
  },
  {
    title: 'variables in the paths of its volumes',
    container: {
      env: [field('NAME', 'metadata.name')],
      volumeMounts: [
        { name: 'data', mountPath: '/part', subPathExpr: '$(NAME)' },
        { name: 'data', mountPath: '/whole' },
      ],
    },
    spec: { volumes: [emptyVolume] },
    script: 'echo here > /part/file && cat /whole/pod/file',
    prints: 'here\n',
  },
]

const commands: readonly PodRow[] = [
  { title: 'its image’s own command', container: entry, prints: 'entry default\n' },
  { title: 'arguments of its own', container: { ...entry, args: ['own'] }, prints: 'entry own\n' },
  { title: 'a command of its own', container: { ...entry, command: ['echo', 'own'] }, prints: 'own\n' },
  {
    title: 'a command and arguments of its own',
    container: { ...entry, command: ['echo'], args: ['both', 'own'] },
    prints: 'both own\n',
  },
]

const hosts: readonly PodRow[] = [
  {
    title: 'host aliases in /etc/hosts',
    spec: { hostAliases: [{ ip: '123.45.67.89', hostnames: ['foo', 'bar'] }] },
    script: 'cat /etc/hosts',
    prints: /^123\.45\.67\.89\s+foo\s+bar$/m,
  },
  {
    title: 'an /etc/hosts that the kubelet keeps',
    script: 'cat /etc/hosts; hostname',
    prints: /^# Kubernetes-managed hosts file\.[\s\S]*\spod\n[\s\S]*^pod$/m,
  },
  {
    title: 'an /etc/hosts of its own where it mounts one',
    container: { volumeMounts: [{ name: 'data', mountPath: '/etc/hosts', subPath: 'own' }] },
    spec: { volumes: [{ name: 'data', configMap: { name: 'hosts' } }] },
    objects: [{ ...configMap, metadata: { name: 'hosts' }, data: { own: 'my own\n' } }],
    script: 'cat /etc/hosts',
    prints: 'my own\n',
  },
]

const endings: readonly PodRow[] = [
  { title: 'its output in its log', script: "echo 'Hello World'", prints: 'Hello World\n' },
  {
    title: 'a reason when it fails',
    script: 'exit 3',
    phase: 'Failed',
    check: (pod) => assert.deepEqual([terminated(pod)?.reason, terminated(pod)?.exitCode], ['Error', 3]),
  },
  {
    title: 'an empty message when it succeeds without one',
    container: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    script: 'echo DONE',
    check: (pod) => assert.equal(terminated(pod)?.message ?? '', ''),
  },
  {
    title: 'its message from the file when it succeeds',
    container: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    script: 'echo -n OK > /dev/termination-log; echo DONE',
    check: (pod) => assert.equal(terminated(pod)?.message, 'OK'),
  },
  {
    title: 'the end of its log for a message when it fails without one',
    container: { terminationMessagePolicy: 'FallbackToLogsOnError' },
    script: 'echo -n DONE; exit 1',
    phase: 'Failed',
    check: (pod) => assert.equal(terminated(pod)?.message, 'DONE'),
  },
  {
    title: 'its message from another path, by another user',
    container: { terminationMessagePath: '/dev/custom', securityContext: { runAsUser: 1000 } },
    script: 'echo -n DONE > /dev/custom',
    check: (pod) => assert.equal(terminated(pod)?.message, 'DONE'),
  },
]

const inits: readonly PodRow[] = [
  {
    title: 'init containers, one after the other, before its own',
    spec: {
      volumes: [emptyVolume],
      initContainers: ['one', 'two'].map((name) => ({
        name,
        image: testImage,
        command: ['sh', '-c', `echo ${name} >> /data/order`],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      })),
    },
    container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    script: 'cat /data/order',
    prints: 'one\ntwo\n',
    check: ({ status }) => {
      assert.equal(status?.conditions?.find(({ type }) => type === 'Initialized')?.status, 'True')
      for (const { ready, state } of status?.initContainerStatuses ?? []) {
        assert.ok(ready)
        assert.equal(state?.terminated?.exitCode, 0)
      }
    },
  },
  {
    title: 'no container of its own after an init container that failed',
    spec: {
      initContainers: [
        { name: 'one', image: testImage, command: ['false'] },
        { name: 'two', image: testImage, command: ['true'] },
      ],
    },
    script: 'true',
    phase: 'Failed',
    check: ({ status }) => {
      const [one, two] = status?.initContainerStatuses ?? []
      assert.equal(one?.state?.terminated?.exitCode, 1)
      assert.ok(two?.state?.waiting)
      assert.equal(status?.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
    },
  },
]

const security: readonly PodRow[] = [
  {
    title: 'the user that its container says',
    container: { securityContext: { runAsUser: 65534 } },
    script: 'id -u',
    prints: '65534\n',
  },
  {
    title: 'the user and group that its container says',
    container: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } },
    script: 'id -u; id -g',
    prints: '1001\n2002\n',
  },
  {
    title: 'the user and group that the pod says',
    spec: { securityContext: { runAsUser: 1001, runAsGroup: 2002 } },
    script: 'id -u; id -g',
    prints: '1001\n2002\n',
  },
  {
    title: 'no privileges unless it asks for them',
    container: { securityContext: { privileged: false } },
    script: 'ip link add dummy0 type dummy || echo refused',
    prints: /refused\n/,
  },
  {
    title: 'a root file system that it can write to',
    container: { securityContext: { readOnlyRootFilesystem: false } },
    script: 'echo yes > /file && cat /file',
    prints: 'yes\n',
  },
  {
    title: 'a root file system that it cannot write to, when told so',
    container: { securityContext: { readOnlyRootFilesystem: true } },
    script: 'echo no > /file || echo refused',
    prints: /refused\n/,
  },
  {
    title: 'no way to more privileges, when told so',
    container: { securityContext: { allowPrivilegeEscalation: false, runAsUser: 1000 } },
    script: 'grep NoNewPrivs /proc/self/status',
    prints: 'NoNewPrivs:\t1\n',
  },
  {
    title: 'sysctls of its own',
    spec: { securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } },
    script: 'cat /proc/sys/kernel/shm_rmid_forced',
    prints: '1\n',
  },
]

/** What a pod is given by its node. */
export const nodeRows: readonly PodRow[] = [
  ...environment,
  ...commands,
  ...hosts,
  ...endings,
  ...inits,
  ...security,
]

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, PodSpec, SecurityContext } from '../../../api/generated/core.v1.ts'
import { violationsOf } from './evaluate-pod.ts'
import type { Level } from './policy.ts'

/*
 * For each control: the smallest pod that it objects to, and from which version on, under each level. Source: the
 * versions of k8s.io/pod-security-admission/policy.
 */

/** A pod that every level lets in, in every version. */
const goodContext: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}
const container = (context: SecurityContext = {}, rest: Partial<Container> = {}): Container => ({
  name: 'c',
  image: 'x',
  securityContext: { ...goodContext, ...context },
  ...rest,
})
const pod = (rest: Partial<PodSpec> = {}): PodSpec => ({ containers: [container()], ...rest })
const without = (key: keyof SecurityContext): PodSpec => {
  const { [key]: _left, ...rest } = goodContext
  return { containers: [{ name: 'c', image: 'x', securityContext: rest }] }
}
const sysctl = (name: string) => pod({ securityContext: { sysctls: [{ name, value: '1' }] } })
const windows = { os: { name: 'windows' } }
const ownUsers = { hostUsers: false }

/** From the first version on, up to but without the second; `never`. */
type Span = readonly [since: number, until?: number] | 'never'
const newest = 40
const always: Span = [0]

interface Row {
  readonly what: string
  readonly spec: PodSpec
  readonly annotations?: Readonly<Record<string, string>>
  readonly baseline: Span
  readonly restricted: Span
}

const both = (what: string, spec: PodSpec, span: Span = always): Row => ({
  what,
  spec,
  baseline: span,
  restricted: span,
})
const restrictedOnly = (what: string, spec: PodSpec, span: Span = always): Row => ({
  what,
  spec,
  baseline: 'never',
  restricted: span,
})

const rows: readonly Row[] = [
  both('nothing', pod(), 'never'),
  both('hostNetwork', pod({ hostNetwork: true })),
  both('hostPID', pod({ hostPID: true })),
  both('hostIPC', pod({ hostIPC: true })),
  both('privileged', { containers: [container({ privileged: true })] }),
  both('privileged of an init container', pod({ initContainers: [container({ privileged: true })] })),
  both('hostPath', pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] })),
  both('hostPort', { containers: [container({}, { ports: [{ containerPort: 1, hostPort: 1 }] })] }),
  both(
    'no hostPort',
    { containers: [container({}, { ports: [{ containerPort: 1, hostPort: 0 }] })] },
    'never',
  ),
  both(
    'a probe of a host',
    { containers: [container({}, { readinessProbe: { tcpSocket: { port: 1, host: 'a' } } })] },
    [34],
  ),
  both(
    'a hook to a host',
    { containers: [container({}, { lifecycle: { preStop: { httpGet: { port: 1, host: 'a' } } } })] },
    [34],
  ),
  both('capability NET_ADMIN', {
    containers: [container({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } })],
  }),
  restrictedOnly(
    'capability CHOWN',
    { containers: [container({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } })] },
    [22],
  ),
  both(
    'capability NET_BIND_SERVICE',
    { containers: [container({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } })] },
    'never',
  ),
  restrictedOnly('capabilities kept', without('capabilities'), [22]),
  restrictedOnly('capabilities kept on Windows', { ...without('capabilities'), ...windows }, [22, 25]),
  both('procMount', { containers: [container({ procMount: 'Unmasked' })] }),
  {
    what: 'procMount with users of its own',
    spec: { ...ownUsers, containers: [container({ procMount: 'Unmasked' })] },
    baseline: [0, 35],
    restricted: always,
  },
  both('SELinux type', pod({ securityContext: { seLinuxOptions: { type: 'spc_t' } } })),
  both(
    'SELinux type of engines',
    pod({ securityContext: { seLinuxOptions: { type: 'container_engine_t' } } }),
    [0, 31],
  ),
  both('SELinux user', { containers: [container({ seLinuxOptions: { user: 'u' } })] }),
  both('SELinux role', pod({ securityContext: { seLinuxOptions: { role: 'r' } } })),
  both('SELinux level', pod({ securityContext: { seLinuxOptions: { level: 's0' } } }), 'never'),
  both('seccomp Unconfined', pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }), [19]),
  {
    ...both('seccomp unconfined by annotation', pod(), [0, 19]),
    annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' },
  },
  restrictedOnly('no seccomp profile', without('seccompProfile'), [19]),
  restrictedOnly('no seccomp profile on Windows', { ...without('seccompProfile'), ...windows }, [19, 25]),
  both('sysctl kernel.msgmax', sysctl('kernel.msgmax')),
  both('sysctl kernel.shm_rmid_forced', sysctl('kernel.shm_rmid_forced'), 'never'),
  both('sysctl net.ipv4.ip_local_reserved_ports', sysctl('net.ipv4.ip_local_reserved_ports'), [0, 27]),
  both('sysctl net.ipv4.tcp_keepalive_time', sysctl('net.ipv4.tcp_keepalive_time'), [0, 29]),
  both('sysctl net.ipv4.tcp_rmem', sysctl('net.ipv4.tcp_rmem'), [0, 32]),
  both('hostProcess', pod({ securityContext: { windowsOptions: { hostProcess: true } } })),
  both('AppArmor Unconfined', pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } })),
  {
    ...both('AppArmor unconfined by annotation', pod()),
    annotations: { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' },
  },
  restrictedOnly('allowPrivilegeEscalation', without('allowPrivilegeEscalation'), [8]),
  restrictedOnly(
    'allowPrivilegeEscalation on Windows',
    { ...without('allowPrivilegeEscalation'), ...windows },
    [8, 25],
  ),
  restrictedOnly(
    'a volume of another kind',
    pod({ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }),
  ),
  both('an ephemeral volume', pod({ volumes: [{ name: 'v', ephemeral: {} }] }), 'never'),
  restrictedOnly('no runAsNonRoot', without('runAsNonRoot')),
  restrictedOnly(
    'no runAsNonRoot with users of its own',
    { ...without('runAsNonRoot'), ...ownUsers },
    [0, 35],
  ),
  restrictedOnly('runAsUser 0', pod({ securityContext: { runAsUser: 0 } }), [23]),
  restrictedOnly(
    'runAsUser 0 with users of its own',
    pod({ ...ownUsers, securityContext: { runAsUser: 0 } }),
    [23, 35],
  ),
]

/** The versions in which a level objects. */
function objections(level: Level, { spec, annotations = {} }: Row): readonly number[] {
  return Array.from({ length: newest + 1 }, (_, minorVersion) => minorVersion).filter(
    (minorVersion) => violationsOf({ level, minorVersion }, spec, { annotations }).length > 0,
  )
}

function within(span: Span): readonly number[] {
  if (span === 'never') return []
  const [since, until = newest + 1] = span
  return Array.from({ length: until - since }, (_, index) => since + index)
}

describe('violationsOf', () => {
  for (const row of rows) {
    it(`objects to ${row.what} in the versions that do`, () => {
      assert.deepEqual(objections('privileged', row), [])
      assert.deepEqual(objections('baseline', row), within(row.baseline))
      assert.deepEqual(objections('restricted', row), within(row.restricted))
      for (const level of ['baseline', 'restricted'] as const) {
        const latest = violationsOf({ level, minorVersion: 'latest' }, row.spec, {
          annotations: row.annotations ?? {},
        })
        assert.equal(latest.length > 0, within(row[level]).includes(newest), level)
      }
    })
  }
})

import { readFileSync } from 'node:fs'
import { startControllers } from '../../controllers/start.ts'
import { formatDuration } from '../../machinery/duration.ts'
import { featureGatesWith } from '../../machinery/feature-gates.ts'
import { loadCertificateAuthority } from '../../machinery/pki/certificate.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { parseFeatureFlag } from '../api-server-flags/feature-flags.ts'
import { addressPlan } from '../machine/address-plan.ts'
import { nodePorts } from '../node-ports.ts'
import { describeControllersFlags, parseCidrs, parseControllersFlags } from './controllers-flags.ts'
import { describeElection, durationOption, parseElection } from './leader-election-flags.ts'
import { controllersOptions } from './component-options.ts'
import { flagsInEffect } from './flags-in-effect.ts'
import { runComponent, startElected } from './component-process.ts'
import { createServiceAccountClients } from './service-account-clients.ts'

/** Runs the controllers by themselves, each as its own service account, while this process is the elected one. */
export function runControllers(input: CommandInput): Promise<ExitCode> {
  const plan = addressPlan(0, 1)
  const [certFile, keyFile] = [
    input.text('cluster-signing-cert-file'),
    input.text('cluster-signing-key-file'),
  ]
  const authority =
    certFile !== undefined && keyFile !== undefined
      ? loadCertificateAuthority(readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8'))
      : undefined
  const tokenKeyFile = input.text('service-account-private-key-file')
  const tokenKey = tokenKeyFile === undefined ? undefined : readFileSync(tokenKeyFile, 'utf8')
  const election = parseElection(input, 'kube-controller-manager')
  const certificateLifetimeMs = durationOption(input, 'cluster-signing-duration')
  const flags = parseControllersFlags(input)
  const { ClusterTrustBundle: publishTrustBundle } = featureGatesWith(parseFeatureFlag(input))
  const nodeIpam = {
    clusterCidrs: [input.text('cluster-cidr') ?? plan.podCidr],
    serviceCidrs: parseCidrs(input, 'service-cluster-ip-range'),
    nodePrefixLengthIpv4: input.number('node-cidr-mask-size', 8) ?? plan.nodeCidrMaskSize,
  }
  return runComponent(
    input,
    'kube-controller-manager',
    ({ context, connection, authorityPem }) =>
      startElected(context, election, async () => {
        const { client, clock, log } = context
        const accounts = createServiceAccountClients(client, connection, {
          clock,
          log,
          userAgent: 'kube-controller-manager/k8ts',
        })
        const running = await startControllers(context, {
          ...flags,
          clientOf: accounts.of,
          rootCa: authorityPem,
          publishTrustBundle,
          ...(tokenKey !== undefined && { serviceAccountPrivateKey: tokenKey }),
          ...(authority && { certificateAuthority: authority, approveNodeRequests: true }),
          ...(certificateLifetimeMs !== undefined && { certificateLifetimeMs }),
          nodeIpam,
          loadBalancers: { reservedPorts: nodePorts },
        })
        return {
          ...running,
          async stop() {
            await running.stop()
            accounts.close()
          },
        }
      }),
    {
      configuration: {
        'kubecontrollermanager.config.k8s.io': {
          Generic: { LeaderElection: describeElection(election) },
          KubeCloudShared: { ClusterCIDR: nodeIpam.clusterCidrs.join(',') },
          CSRSigningController: {
            ClusterSigningCertFile: certFile ?? '',
            ClusterSigningKeyFile: keyFile ?? '',
            ClusterSigningDuration: formatDuration(certificateLifetimeMs ?? 365 * 86_400_000),
          },
          ...describeControllersFlags(flags),
          NodeIPAMController: {
            ServiceCIDR: nodeIpam.serviceCidrs.join(','),
            NodeCIDRMaskSize: nodeIpam.nodePrefixLengthIpv4,
          },
        },
      },
      flags: flagsInEffect(controllersOptions, input, 'kube-controller-manager'),
    },
  )
}

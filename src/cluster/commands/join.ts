import { clusterOption, type Command } from '../cli/command.ts'
import { apiServerOptions, signingOptions } from '../components/component-options.ts'
import { kubeletConfigOption, schedulerConfigOption } from './up-options.ts'

/** A cluster over several machines: one or more servers, and the machines that are its nodes. */
export const joinCommands: readonly Command[] = [
  {
    name: 'server',
    summary: 'Run a control plane that other machines join, until it is stopped',
    options: { ...clusterOption, ...apiServerOptions, ...schedulerConfigOption, ...signingOptions },
    examples: ['k8ts server', 'k8ts server --store etcd --etcd-endpoints http://10.0.0.5:2379'],
    async run(input) {
      return (await import('../join/run-server.ts')).runServer(input)
    },
  },
  {
    name: 'agent',
    summary: 'Join this machine to a cluster and run its node, until it is stopped',
    options: {
      server: {
        description: 'Where the API server is reached; several times for several of one cluster',
        value: 'URL',
        repeats: true,
      },
      token: { description: "What 'k8ts server' or 'k8ts token create' has printed", value: 'TOKEN' },
      'node-name': { description: 'Default: the name of the machine', value: 'NAME' },
      'node-ip': { description: 'Default: the first address of the machine', value: 'ADDRESS' },
      ...kubeletConfigOption,
      ...clusterOption,
    },
    examples: ['k8ts agent --server https://10.0.0.1:6443 --token TOKEN'],
    async run(input) {
      return (await import('../join/run-agent.ts')).runAgent(input)
    },
  },
  {
    name: 'token create',
    summary: 'Make a token that machines may join a cluster with',
    options: {
      kubeconfig: { description: "The administrator's (default: $KUBECONFIG)", value: 'FILE' },
      hours: { description: 'How long it is good for (default: 24)', value: 'N' },
    },
    async run(input) {
      return (await import('../join/create-token.ts')).createToken(input)
    },
  },
]

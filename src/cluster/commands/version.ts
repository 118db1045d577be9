import { outputOption, type Command } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { kubernetesVersion } from '../../api/kubernetes-version.ts'
import { k8tsVersion } from '../version.ts'

export const versionCommand: Command = {
  name: 'version',
  summary: 'Show the version of k8ts, of the Kubernetes API it serves, and of Node.js',
  options: outputOption,
  run(input) {
    const versions = { k8ts: k8tsVersion(), kubernetes: kubernetesVersion, node: process.version }
    process.stdout.write(
      input.text('output') === 'json'
        ? `${JSON.stringify(versions, undefined, 2)}\n`
        : `k8ts ${versions.k8ts}\nKubernetes ${versions.kubernetes}\nNode.js ${versions.node}\n`,
    )
    return Promise.resolve(exitCodes.done)
  },
}

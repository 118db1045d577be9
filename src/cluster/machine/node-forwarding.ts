import { run } from './command.ts'
import { nodeSysctls } from './network.ts'

const table = 'ip k8ts-node'

/**
 * Has this machine forward what pods send, and what leaves the network of pods have the machine's address. For a machine
 * that is a node by itself; nodes that are network namespaces have one host do that for all.
 */
export async function createNodeForwarding(podCidr: string): Promise<void> {
  await run('sh', ['-ec', nodeSysctls])
  const rules = `
table ${table} {}
delete table ${table}
table ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat + 1; policy accept;
    ip saddr ${podCidr} ip daddr != ${podCidr} fib saddr type != local masquerade
  }
}
`
  await run('nft', ['-f', '-'], { stdin: rules })
}

export async function deleteNodeForwarding(): Promise<void> {
  await run('nft', ['-f', '-'], { stdin: `table ${table} {}\ndelete table ${table}\n` })
}

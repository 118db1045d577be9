import type { AddressPlan } from './address-plan.ts'
import { CommandError, run } from './command.ts'
import { bridgeName } from './network.ts'
import { sharedSetting } from './shared-setting.ts'

const { switchOn, switchOff } = sharedSetting({
  file: '/proc/sys/net/ipv4/ip_forward',
  wanted: '1',
  memory: '/run/k8ts/ip-forward',
})

/** The name of the cluster's nftables table on the host (family ip). */
function hostTable(plan: AddressPlan): string {
  return bridgeName(plan)
}

/**
 * Lets nodes and pods reach what the machine reaches: packets are forwarded, and leave with the machine's address.
 */
export async function createHostForwarding(plan: AddressPlan): Promise<void> {
  switchOn(plan.index)
  const inside = `{ ${plan.nodeSubnet}, ${plan.podCidr}, ${plan.serviceCidr} }`
  const table = `ip ${hostTable(plan)}`
  const rules = `
table ${table} {}
delete table ${table}
table ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr { ${plan.nodeSubnet}, ${plan.podCidr} } ip daddr != ${inside} oifname != "${bridgeName(plan)}" masquerade
  }
}
`
  await run('nft', ['-f', '-'], { stdin: rules })
  await allowForwarding(plan)
}

export async function deleteHostForwarding(plan: AddressPlan): Promise<void> {
  const table = `ip ${hostTable(plan)}`
  await run('nft', ['-f', '-'], { stdin: `table ${table} {}\ndelete table ${table}\n` })
  await forgetForwarding(plan)
  switchOff(plan.index)
}

/** Where another program has closed the machine's FORWARD chain (as Docker does), ours is let through it. */
async function allowForwarding(plan: AddressPlan): Promise<void> {
  const policy = await forwardChain()
  if (!policy?.includes('-P FORWARD DROP')) return
  for (const rule of forwardRules(plan)) {
    if (!policy.includes(rule.join(' '))) await run('iptables', ['--wait', '-I', 'FORWARD', ...rule])
  }
}

async function forgetForwarding(plan: AddressPlan): Promise<void> {
  const policy = await forwardChain()
  for (const rule of forwardRules(plan)) {
    if (policy?.includes(rule.join(' '))) await run('iptables', ['--wait', '-D', 'FORWARD', ...rule])
  }
}

function forwardRules(plan: AddressPlan): readonly (readonly string[])[] {
  const bridge = bridgeName(plan)
  return [
    ['-i', bridge, '-j', 'ACCEPT'],
    ['-o', bridge, '-j', 'ACCEPT'],
  ]
}

/** The FORWARD chain as commands; undefined where there is no iptables. */
async function forwardChain(): Promise<string | undefined> {
  try {
    return await run('iptables', ['--wait', '-S', 'FORWARD'])
  } catch (error) {
    if (error instanceof CommandError) return undefined
    throw error
  }
}

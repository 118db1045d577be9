import { BlockList, isIP } from 'node:net'

const refused = new BlockList()
refused.addSubnet('127.0.0.0', 8, 'ipv4')
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('224.0.0.0', 24, 'ipv4')
refused.addAddress('0.0.0.0', 'ipv4')
refused.addAddress('::1', 'ipv6')
refused.addAddress('::', 'ipv6')
refused.addSubnet('fe80::', 10, 'ipv6')

/**
 * Addresses that mean something else to the API server than to whoever wrote them down: it does not connect to them on
 * anyone's behalf. Source: kubernetes/pkg/proxy/util, IsProxyableIP.
 */
export function isLinkLocalOrLoopback(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return refused.check(address, 'ipv4')
    case 6:
      return refused.check(address, 'ipv6')
    default:
      return false
  }
}

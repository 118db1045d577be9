import { readFile } from 'node:fs/promises'

/** What went over one of the node's network interfaces, as /stats/summary names it. */
export interface InterfaceStats {
  readonly name: string
  readonly rxBytes: number
  readonly rxErrors: number
  readonly txBytes: number
  readonly txErrors: number
}

/** Those that lead to the node itself or to one of its pods tell what others have told already. */
const ownPrefixes = ['lo', 'veth', 'docker', 'nerdctl']
/** Upstream tells of this one beside the list of all. */
const defaultInterface = 'eth0'

/** A line of /proc/net/dev. */
export interface NetworkDevice extends InterfaceStats {
  readonly rxPackets: number
  readonly rxDropped: number
  readonly txPackets: number
  readonly txDropped: number
}

/** The network part of a node's summary, without the time; undefined where the machine does not say. */
export async function networkStats(): Promise<object | undefined> {
  const text = await readFile('/proc/self/net/dev', 'utf8').catch(() => undefined)
  return text === undefined ? undefined : networkEntry(parseNetworkDevices(text))
}

/** As summaries tell it. */
export function networkEntry(devices: readonly NetworkDevice[]): object {
  const interfaces = devices.map(({ name, rxBytes, rxErrors, txBytes, txErrors }): InterfaceStats => {
    return { name, rxBytes, rxErrors, txBytes, txErrors }
  })
  const main = interfaces.find(({ name }) => name === defaultInterface)
  return { ...(main ?? { name: '' }), interfaces }
}

/** Of /proc/net/dev: two lines of headings, then eight numbers of what came in and eight of what went out. */
export function parseNetworkDevices(text: string): readonly NetworkDevice[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', rest = ''] = /^\s*([^:\s]+):\s*(.+)$/.exec(line) ?? []
    if (name === '' || ownPrefixes.some((prefix) => name.startsWith(prefix))) return []
    const numbers = rest.trim().split(/\s+/).map(Number)
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = numbers
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = numbers.slice(8)
    return [{ name, rxBytes, rxErrors, txBytes, txErrors, rxPackets, rxDropped, txPackets, txDropped }]
  })
}

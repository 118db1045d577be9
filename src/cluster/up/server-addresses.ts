import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { hostAddress, type AddressPlan } from '../machine/address-plan.ts'

/** Where nodes, and machines that join, reach the API server. */
export function advertiseAddress(plan: AddressPlan, isReal: boolean): string {
  return isReal ? hostAddress(plan) : (machineAddresses().find(isIPv4) ?? '127.0.0.1')
}

/** Under which clients on other machines may reach this one. */
export function machineAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
}

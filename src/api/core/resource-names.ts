import { qualifiedNameErrors } from '../../machinery/validation/names.ts'

const quotaPrefix = 'requests.'

/** cpu, memory, hugepages-2Mi: names without a domain, or in that of Kubernetes. */
export function isNativeResourceName(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

/** `example.com/gpu`: resources that nodes or device classes bring. Source: component-helpers, IsExtendedResourceName. */
export function isExtendedResourceName(name: string): boolean {
  if (isNativeResourceName(name) || name.startsWith(quotaPrefix)) return false
  return qualifiedNameErrors(quotaPrefix + name).length === 0
}

export function isHugePageName(name: string): boolean {
  return name.startsWith('hugepages-')
}

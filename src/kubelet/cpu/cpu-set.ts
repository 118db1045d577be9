/**
 * The CPUs that a list such as `0-3,7` names, in order. Throws an Error, in upstream's words.
 * Source: k8s.io/utils/cpuset, after the kernel's cpuset(7).
 */
export function parseCPUSet(text: string): readonly number[] {
  if (text === '') return []
  const cpus = new Set<number>()
  for (const range of text.split(',')) {
    const [first = '', last = first, ...rest] = range.split('-')
    if (rest.length > 0)
      throw new Error(`strconv.Atoi: parsing ${JSON.stringify(`${last}-${rest.join('-')}`)}: invalid syntax`)
    const [start, end] = [parseNumber(first), parseNumber(last)]
    if (start > end) throw new Error(`invalid range ${JSON.stringify(range)} (${start} > ${end})`)
    for (let cpu = start; cpu <= end; cpu++) cpus.add(cpu)
  }
  return [...cpus].sort((a, b) => a - b)
}

function parseNumber(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new Error(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
}

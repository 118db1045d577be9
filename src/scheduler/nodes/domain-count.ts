import type { Domains } from './topology.ts'

/** How many pods of some sort there are on each node, and in each domain of a topology key. */
export class DomainCount {
  readonly domains: Domains
  perNode: Int32Array
  /** Of nodes that have the label; domains beyond its length have none. */
  perDomain: Int32Array
  /** On nodes that have the label. */
  total = 0

  constructor(domains: Domains, capacity: number) {
    this.domains = domains
    this.perNode = new Int32Array(capacity)
    this.perDomain = new Int32Array(domains.size)
  }

  add(node: number, amount: number): void {
    this.perNode[node]! += amount
    this.#addToDomain(this.domains.ids[node]!, amount)
  }

  /** The node's domain changed. */
  move(node: number, from: number, to: number): void {
    const amount = this.perNode[node]!
    if (amount === 0) return
    this.#addToDomain(from, -amount)
    this.#addToDomain(to, amount)
  }

  /** In the domain of a node; 0 where it has none. */
  around(node: number): number {
    const domain = this.domains.ids[node]!
    return domain < 0 ? 0 : (this.perDomain[domain] ?? 0)
  }

  grow(capacity: number): void {
    const larger = new Int32Array(capacity)
    larger.set(this.perNode)
    this.perNode = larger
  }

  #addToDomain(domain: number, amount: number): void {
    if (domain < 0) return
    if (domain >= this.perDomain.length) {
      const larger = new Int32Array(Math.max(domain + 1, this.perDomain.length * 2))
      larger.set(this.perDomain)
      this.perDomain = larger
    }
    this.perDomain[domain]! += amount
    this.total += amount
  }
}

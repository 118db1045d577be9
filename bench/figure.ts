/** What one measurement says. */
export interface Figure {
  /** Unique in its group and stable: history is compared by it. */
  readonly name: string
  readonly value: number
  readonly unit: Unit
  /** The values that `value` is the median of. */
  readonly runs?: readonly number[]
  /** What the project holds itself to. */
  readonly bar?: Bar
  /** What real Kubernetes needed on a machine with 2 cores, in the same unit. */
  readonly kubernetes?: number
  /** Further values of the same measurement. */
  readonly also?: readonly Detail[]
  /** What a reader must know to read the figure right. */
  readonly note?: string
}

export type Unit = 's' | 'ms' | 'µs' | '/s' | 'MB' | '% of a core' | ''

export type Bar = { readonly most: number } | { readonly least: number }

export interface Detail {
  readonly name: string
  readonly value: number
  readonly unit: Unit
  readonly kubernetes?: number
}

/** What a group of figures is given. */
export interface Bench {
  /** An empty folder on the disk that is measured, removed afterwards. */
  readonly folder: string
  /** Shows and keeps a figure; those that were there before a failure count. */
  add(figure: Figure): void
  /** Run at the end, the last first, whatever happens. */
  defer(end: () => void | Promise<void>): void
}

/** Figures that are measured together, in a process of their own. */
export interface FigureGroup {
  readonly name: string
  /** Why this machine cannot measure it; undefined when it can. */
  readonly obstacle?: () => string | undefined
  readonly measure: (bench: Bench) => Promise<void>
}

export function meets({ value, bar }: Figure): boolean | undefined {
  if (!bar) return undefined
  return 'most' in bar ? value <= bar.most : value >= bar.least
}

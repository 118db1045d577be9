import { meets, type Bar, type Detail, type Figure, type Unit } from './figure.ts'

export interface Section {
  readonly title: string
  readonly rows: readonly Row[]
}

export interface Row {
  readonly figure: Figure
  /** The value of an earlier run on the same machine. */
  readonly last: number | undefined
}

/** Three digits that say something; whole numbers from 100 on. */
export function formatValue(value: number, unit: Unit): string {
  const size = Math.abs(value)
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3
  const number = Number.isInteger(value) && size < 100 ? String(value) : grouped(value.toFixed(digits))
  return unit === ''
    ? number
    : unit.startsWith('/') || unit.startsWith('%')
      ? `${number} ${unit}`
      : `${number} ${unit}`
}

function grouped(number: string): string {
  const [whole = '', fraction] = number.split('.')
  const groups = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? groups : `${groups}.${fraction}`
}

function formatBar(bar: Bar, unit: Unit): string {
  return 'most' in bar ? `≤ ${formatValue(bar.most, unit)}` : `≥ ${formatValue(bar.least, unit)}`
}

function formatDetail({ name, value, unit, kubernetes }: Detail): string {
  const own = `${name} ${formatValue(value, unit)}`
  return kubernetes === undefined ? own : `${own} (${formatValue(kubernetes, unit)})`
}

const header = ['', 'k8ts', 'bar', '', 'real Kubernetes', 'last time', 'also (real Kubernetes)']

/** One table of all rows, with a line for each section. */
export function formatTable(sections: readonly Section[]): string {
  const cells = sections.map(({ rows }) => rows.map(cellsOf))
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.flat().map((line) => line[column]!.length)),
  )
  const isRight = (column: number) => column !== 0 && column !== 3 && column !== 6
  const line = (texts: readonly string[]) =>
    texts
      .map((text, column) =>
        isRight(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [
    line(header),
    ...sections.flatMap(({ title }, index) => ['', title, ...cells[index]!.map(line)]),
  ].join('\n')
}

function cellsOf({ figure, last }: Row): string[] {
  const { name, value, unit, bar, kubernetes, also = [], note } = figure
  const met = meets(figure)
  return [
    `  ${name}`,
    formatValue(value, unit),
    bar ? formatBar(bar, unit) : '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
    kubernetes === undefined ? '' : formatValue(kubernetes, unit),
    last === undefined ? '' : formatValue(last, unit),
    [...also.map(formatDetail), ...(note === undefined ? [] : [note])].join(', '),
  ]
}

import { meets, type Bar, type Detail, type Figure, type Unit } from './figure.ts'

export interface Row {
  readonly group: string
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

/** One table of all rows, with a line for each group. */
export function formatTable(rows: readonly Row[]): string {
  const lines: (readonly string[] | string)[] = [header]
  let group: string | undefined
  for (const row of rows) {
    if (row.group !== group) lines.push(row.group)
    group = row.group
    lines.push(cellsOf(row))
  }
  const cells = lines.filter((line) => typeof line !== 'string')
  const widths = header.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  const isRight = (column: number) => column !== 0 && column !== 3 && column !== 6
  return lines
    .map((line) => {
      if (typeof line === 'string') return `\n${line}`
      return line
        .map((cell, column) =>
          isRight(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd()
    })
    .join('\n')
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

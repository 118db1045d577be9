import { createInterface } from 'node:readline/promises'

/** Whether there is somebody to ask. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY
}

/** Asks on the terminal; an empty answer is `defaultAnswer`. */
export async function ask(question: string, defaultAnswer: boolean): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${question} ${defaultAnswer ? '[Y/n]' : '[y/N]'} `)
    return answer.trim() === '' ? defaultAnswer : /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Runs nft on a script, as one transaction: all of it takes effect or, when this throws, nothing. */
export type Nft = (script: string) => Promise<void>

export const runNft: Nft = async (script) => void (await run('nft', ['-f', '-'], script))

/** Runs a program to its end and gives what it printed; throws with what it said when it fails. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const [printed, said] = [text(child.stdout), text(child.stderr)]
  // A program that ends early closes its input; its exit code tells the story.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} failed with ${code}: ${(await said).trim()}`)
  return printed
}

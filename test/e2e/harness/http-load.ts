import { get } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/*
 * A program that asks each URL in turn, every `PERIOD` ms and by a connection of its own, until it is ended:
 * `http-load.ts PERIOD URL...`. It writes a line for each answer: `ok`, or `failed` and why.
 */
const [period = '50', ...urls] = process.argv.slice(2)

function ask(url: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 5_000 }, (response) => {
      response.resume()
      response.once('end', () =>
        resolve(response.statusCode === 200 ? 'ok' : `failed ${response.statusCode}`),
      )
      response.once('error', (error) => resolve(`failed ${error.message}`))
    })
    request.once('timeout', () => request.destroy(new Error('no answer in 5 s')))
    request.once('error', (error) => resolve(`failed ${error.message}`))
  })
}

for (let turn = 0; ; turn++) {
  const url = urls[turn % urls.length]!
  void ask(url).then((answer) => process.stdout.write(`${answer === 'ok' ? answer : `${answer} (${url})`}\n`))
  await delay(Number(period))
}

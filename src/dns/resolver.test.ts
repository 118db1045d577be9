import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Answer, Question } from 'dns-packet'
import type { Service } from '../api/generated/core.v1.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { failed, responseCodes, type Resolution } from './response.ts'
import { aContext, aResolver, emptyRecords, serveDns } from './testing/dns-fixtures.ts'

const outside: Service = {
  metadata: { namespace: 'default', name: 'outside' },
  spec: { type: 'ExternalName', externalName: 'db.corp.test' },
}

const records = {
  ...emptyRecords,
  service: (_namespace: string, name: string) => (name === 'outside' ? outside : undefined),
}

/** A name server that answers every address question with `data`. */
async function upstream(t: TestContext, data: string, asked: Question[] = []): Promise<string> {
  const { port } = await serveDns(t, {
    resolve(question): Resolution {
      asked.push(question)
      const { name, type } = question
      const answers: Answer[] = type === 'A' ? [{ type, name, ttl: 300, data }] : []
      return { ...failed(responseCodes.noError), answers }
    },
  })
  return `127.0.0.1:${port}`
}

const dataOf = ({ answers }: Resolution) =>
  answers.map((answer) => ('data' in answer ? answer.data : undefined))

describe('createResolver', () => {
  it('sends a stub domain to its own servers, and everything else upstream', async (t) => {
    const corefile = `
      .:53 {
        kubernetes cluster.local
        forward . ${await upstream(t, '192.0.2.1')} { except internal.test }
      }
      corp.test:53 { forward . ${await upstream(t, '192.0.2.2')} }`.replaceAll(
      / \{ (\S+ ?\S*.*?) \}/g,
      ' {\n$1\n}',
    )
    const resolver = aResolver(corefile, { records })
    t.after(() => resolver.close())
    const ask = async (name: string) => await resolver.resolve({ type: 'A', name })

    assert.deepEqual(dataOf(await ask('www.example.test')), ['192.0.2.1'])
    assert.deepEqual(dataOf(await ask('db.corp.test')), ['192.0.2.2'])
    assert.deepEqual(dataOf(await ask('notcorp.test')), ['192.0.2.1'])
    assert.equal((await ask('a.internal.test')).code, responseCodes.serverFailure)
    assert.equal(resolver.zoneOf('db.CORP.test'), 'corp.test.')
    // An alias leads on as any question would: here to the stub domain.
    assert.deepEqual(dataOf(await ask('outside.default.svc.cluster.local')), ['db.corp.test', '192.0.2.2'])
  })

  it('refuses what no server is for', async () => {
    const resolver = aResolver('corp.test {\n forward . 127.0.0.1:9\n}')
    assert.equal((await resolver.resolve({ type: 'A', name: 'x.test' })).code, responseCodes.refused)
  })

  const reverse = { type: 'PTR', name: '9.2.0.192.in-addr.arpa' } as const
  it('lets reverse names fall through, where it is told to', async (t) => {
    const to = await upstream(t, '')
    const through = aResolver(
      `. {\n kubernetes cluster.local in-addr.arpa {\n fallthrough in-addr.arpa\n }\n forward . ${to}\n}`,
    )
    t.after(() => through.close())
    assert.equal((await through.resolve(reverse)).code, responseCodes.noError)
    const without = aResolver(`. {\n kubernetes cluster.local in-addr.arpa\n forward . ${to}\n}`)
    const denied = await without.resolve(reverse)
    assert.deepEqual([denied.code, denied.authorities[0]?.type], [responseCodes.noSuchName, 'SOA'])
  })

  it('answers for hosts before all else, both ways, and passes on what it does not have', async () => {
    const resolver = aResolver(`. {
      hosts {
        192.0.2.7 registry.test Registry2.test
        2001:db8::7 registry.test
        192.0.2.8 *.apps.test
        ttl 60
        fallthrough
      }
      kubernetes cluster.local
    }`)
    const ask = (name: string, type: Question['type'] = 'A') => resolver.resolve({ type, name }) as Resolution
    assert.deepEqual(ask('registry.test').answers, [
      { type: 'A', name: 'registry.test', ttl: 60, data: '192.0.2.7' },
    ])
    assert.deepEqual(dataOf(ask('registry.test', 'AAAA')), ['2001:db8::7'])
    assert.deepEqual(dataOf(ask('x.apps.test')), ['192.0.2.8'])
    assert.deepEqual(dataOf(ask('7.2.0.192.in-addr.arpa', 'PTR')), ['registry.test', 'registry2.test'])
    assert.deepEqual([ask('registry.test', 'TXT').code, ask('registry.test', 'TXT').authoritative], [0, true])
    assert.equal(ask('gone.default.svc.cluster.local').code, responseCodes.noSuchName)
  })

  it('asks by another name, and answers by the one that was asked', async (t) => {
    const asked: Question[] = []
    const resolver = aResolver(`. {
      rewrite name exact old.test new.test
      rewrite name suffix .shop.test .corp.test answer auto
      rewrite continue name prefix a- b-
      rewrite name substring b-c d
      forward . ${await upstream(t, '192.0.2.1', asked)}
    }`)
    t.after(() => resolver.close())
    const names = ['Old.test', 'x.shop.test', 'a-c.test', 'same.test']
    const answers = []
    for (const name of names) answers.push((await resolver.resolve({ type: 'A', name })).answers[0])
    assert.deepEqual(
      asked.map(({ name }) => name),
      ['new.test', 'x.corp.test', 'd.test', 'same.test'],
    )
    assert.deepEqual(
      answers.map((answer) => answer?.name),
      names,
    )
  })

  it('keeps answers for as long as the cache may, and shortens their time to live', async (t) => {
    const asked: Question[] = []
    const clock = fakeClock()
    const resolver = aResolver(
      `. {\n cache 30 {\n disable success corp.test\n }\n forward . ${await upstream(t, '192.0.2.1', asked)}\n}`,
      {
        ...aContext({ clock }),
      },
    )
    t.after(() => resolver.close())
    const ttlOf = async (name: string) => {
      const [answer] = (await resolver.resolve({ type: 'A', name })).answers
      return answer && 'ttl' in answer && answer.ttl
    }
    assert.equal(await ttlOf('a.test'), 30)
    await clock.advance(10_000)
    assert.equal(await ttlOf('A.test'), 20)
    await clock.advance(20_001)
    assert.equal(await ttlOf('a.test'), 30)
    assert.equal(await ttlOf('a.corp.test'), 300)
    assert.equal(await ttlOf('a.corp.test'), 300)
    assert.equal(asked.length, 4)
  })

  it('answers for the names of pods as it is told', () => {
    const answer = (pods: string) => {
      const resolver = aResolver(`. {\n kubernetes cluster.local {\n pods ${pods}\n }\n}`, {
        records: { ...records, hasPod: (_namespace, address) => address === '10.244.0.5' },
      })
      const ask = (label: string) =>
        resolver.resolve({ type: 'A', name: `${label}.default.pod.cluster.local` })
      return ['10-244-0-5', '10-244-0-6'].map((label) => (ask(label) as Resolution).code)
    }
    assert.deepEqual(answer('disabled'), [3, 3])
    assert.deepEqual(answer('insecure'), [0, 0])
    assert.deepEqual(answer('verified'), [0, 3])
  })

  it('gives the addresses of an answer in another order each time, with loadbalance', () => {
    const entries = Array.from({ length: 4 }, (_, index) => `192.0.2.${index} many.test`).join('\n')
    const orders = (directive: string) => {
      const resolver = aResolver(`. {\n hosts {\n ${entries}\n }\n ${directive}\n}`)
      const ask = () => dataOf(resolver.resolve({ type: 'A', name: 'many.test' }) as Resolution).join()
      return new Set(Array.from({ length: 20 }, ask)).size
    }
    assert.equal(orders(''), 1)
    assert.ok(orders('loadbalance') > 3)
  })

  it('forwards nothing while what is forwarded comes back', async (t) => {
    const asked: Question[] = []
    const resolver = aResolver(`. {\n forward . ${await upstream(t, '', asked)}\n}`, {
      isLooping: () => true,
    })
    assert.equal((await resolver.resolve({ type: 'A', name: 'x' })).code, responseCodes.serverFailure)
    assert.equal(asked.length, 0)
  })
})

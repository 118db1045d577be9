import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** A certificate authority and one certificate for both sides on 127.0.0.1, as PEM, and as arguments of an etcd. */
export async function writePki(directory: string) {
  const validity = { notBefore: new Date('2000-01-01'), notAfter: new Date('2100-01-01') }
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const ca = await X509CertificateGenerator.createSelfSigned(
    {
      ...validity,
      name: 'CN=test authority',
      keys: caKeys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, undefined, true)],
    },
    webcrypto,
  )
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create(
    {
      ...validity,
      subject: 'CN=test',
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
      ],
    },
    webcrypto,
  )
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  const pems = { ca: ca.toString('pem'), certificate: certificate.toString('pem'), key }
  const paths = {
    ca: join(directory, 'ca.pem'),
    certificate: join(directory, 'certificate.pem'),
    key: join(directory, 'key.pem'),
  }
  await writeFile(paths.ca, pems.ca)
  await writeFile(paths.certificate, pems.certificate)
  await writeFile(paths.key, pems.key)
  const etcdArguments = [
    '--client-cert-auth',
    `--trusted-ca-file=${paths.ca}`,
    `--cert-file=${paths.certificate}`,
    `--key-file=${paths.key}`,
  ]
  return { ...pems, etcdArguments }
}

import { defineConfig, type OxlintOverride } from 'oxlint'
import { mayImport, rooms } from './scripts/rooms.ts'

/** Forbids imports of the rooms that `room` may not know. */
function roomRule(room: string): OxlintOverride {
  const forbidden = rooms.filter((other) => other !== room && !mayImport[room]?.includes(other))
  return {
    files: [`src/${room}/**`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: forbidden.map((other) => ({
            regex: `^(\\.\\./)+(src/)?${other}/`,
            message: `${room}/ must not import ${other}/: see ARCHITECTURE.md`,
          })),
        },
      ],
    },
  }
}

const rawGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'performance']

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['dist', 'node_modules', '.cache', '**/generated/**'],
  options: { typeAware: true },
  rules: {
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': [
      'error',
      {
        allowForKnownSafeCalls: [
          {
            from: 'package',
            package: 'node:test',
            name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
          },
        ],
      },
    ],
    'typescript/consistent-type-imports': 'error',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/no-base-to-string': 'off',
    'typescript/unbound-method': 'off',
    'import/no-cycle': 'error',
    'import/no-unassigned-import': 'off',
    'import/no-named-as-default-member': 'off',
    'no-restricted-globals': ['error', ...rawGlobals],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'use the injected Clock' },
      { object: 'Math', property: 'random', message: 'use the injected Random' },
    ],
    // The type checker sees exhaustive switches; this rule does not.
    'typescript/consistent-return': 'off',
    'promise/always-return': 'off',
    'no-shadow': 'off',
    'no-await-in-loop': 'off',
    'no-underscore-dangle': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'max-lines': ['warn', { max: 500, skipBlankLines: true, skipComments: true }],
  },
  overrides: [
    ...rooms.map(roomRule),
    {
      files: [
        'src/machinery/clock.ts',
        'src/machinery/random.ts',
        'src/**/*.test.ts',
        'src/**/testing/**',
        'src/cluster/**',
        'test/**',
        'bench/**',
        'scripts/**',
      ],
      rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
    },
  ],
})

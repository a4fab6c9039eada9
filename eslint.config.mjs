import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import { layerRules } from './tools/lint/layers.mjs';

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'tools/lint/fixtures/**', '.nx/**'] },
  {
    files: ['**/*.ts', '**/*.mjs', 'libs/contracts/src/gen/**/*.js'],
    languageOptions: { parser: tseslint.parser, parserOptions: { ecmaVersion: 2024, sourceType: 'module' } },
    linterOptions: { reportUnusedDisableDirectives: 'off' },
  },
  {
    files: ['**/*.ts', '**/*.mjs'],
    // Generated code is parsed, and nothing else is asked of it.
    ignores: ['libs/contracts/src/gen/**'],
    linterOptions: { reportUnusedDisableDirectives: 'warn' },
    plugins: { '@nx': nx, '@typescript-eslint': tseslint.plugin },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allow: [],
          enforceBuildableLibDependency: false,
          // The command line loads what a command needs when it runs; the files that it loads import as any others do.
          checkDynamicDependenciesExceptions: ['@verbena/.*'],
          depConstraints: layerRules,
        },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { prefer: 'type-imports', fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      'no-console': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
  {
    // Domain code is pure: time, ids and randomness are arguments (docs/architecture.md, "What must always hold").
    files: ['libs/domain-*/src/**/*.ts', 'libs/history/src/**/*.ts', 'libs/placement/src/**/*.ts', 'libs/event-sourcing/src/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/testing/**'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'performance', 'fetch', 'crypto'],
      'no-restricted-imports': ['error', { patterns: ['node:*', '@opentelemetry/*', '@connectrpc/*', 'pg', 'kysely'] }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
          message: 'Time is an argument in domain code.',
        },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time is an argument in domain code.' },
        { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Randomness is an argument in domain code.' },
      ],
    },
  },
  { files: ['tools/**', 'apps/cli/**', 'test/**', 'deploy/**'], rules: { 'no-console': 'off' } },
);

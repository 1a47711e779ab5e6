// What the scripts share: their setup is JSON on standard input, what they saw is JSON on standard output.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export const setup = JSON.parse(readFileSync(0, 'utf8'))

// The packages are where NODE_PATH says, which only `require` looks at.
export const load = createRequire(import.meta.url)

// Clients leave timers running: the script ends when everything is said.
export const report = (seen) => process.stdout.write(JSON.stringify(seen), () => process.exit(0))

// `fetch`, asking for strict mode where the setup says so.
export const fetchOf = (fetch) => (url, init) =>
  fetch(url, setup.strict ? { ...init, headers: { ...init.headers, 'X-Strict-Mode': '1' } } : init)

// Make calls of a client that batches, `[method, payload]` each, and wait until it has said of each what became of it.
export async function deliver(analytics, calls) {
  let requests = 0
  analytics.on('http_request', () => requests++)
  const told = calls.map(
    ([method, payload]) =>
      new Promise((resolve) => analytics[method](payload, (error) => resolve(error ? String(error.message ?? error) : null)))
  )
  const outcomes = await Promise.all(told)
  return { outcomes, requests, version: analytics.VERSION }
}

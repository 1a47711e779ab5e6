// Run the vendor's own lines of JavaScript with its own library, each with a client of its own, and say what became of them.
import { fetchOf, load, report, setup } from './setup.mjs'

const { Analytics } = load('@customerio/cdp-analytics-node')

globalThis.fetch = fetchOf(globalThis.fetch)

async function run(source) {
  let lines
  try {
    lines = new Function('analytics', source)
  } catch (error) {
    return error.name
  }
  const analytics = new Analytics({ writeKey: setup.key, host: setup.host, maxRetries: 0 })
  let failed = null
  analytics.on('error', ({ reason }) => (failed = reason.message))
  try {
    lines(analytics)
  } catch (error) {
    return error.name
  }
  await analytics.closeAndFlush()
  return failed
}

const outcomes = []
for (const source of setup.sources) outcomes.push(await run(source))
report(outcomes)

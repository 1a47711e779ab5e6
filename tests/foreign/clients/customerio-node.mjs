// The vendor's Node library for all its APIs: its client for Data Pipelines has settings for the address and strict mode.
import { load, report, setup } from './setup.mjs'

const { PipelinesClient } = load('customerio-node')

const client = new PipelinesClient(setup.key, { url: setup.url, strictMode: setup.strict, ...setup.settings })
const outcomes = []
for (const [method, payload] of setup.calls) {
  try {
    outcomes.push({ answer: await client[method](payload) })
  } catch (error) {
    outcomes.push({ name: error.name, status: error.statusCode, message: error.message, body: error.body })
  }
}
report(outcomes)

// What both npm tests share: names, comparisons, the count at the end.

import { deepStrictEqual } from "node:assert";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };
export const [host, port] = [process.argv[2], Number(process.argv[3])];
const run = randomBytes(4).toString("hex");
const tests = [];

export class Skip extends Error {}

export function test(name, body) {
  tests.push({ name, body });
}

export function expect(expected, got) {
  deepStrictEqual(got, expected);
}

export function expectThat(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

export async function expectError(pattern, promise) {
  const error = await promise.then(() => null, (reason) => reason);
  expectThat(error && pattern.test(error.message), `an error like ${pattern}: ${error}`);
}

export async function until(condition, milliseconds = 3000) {
  const deadline = Date.now() + milliseconds;
  while (!(await condition())) {
    expectThat(Date.now() < deadline, `within ${milliseconds} ms: ${condition}`);
    await sleep(10);
  }
}

// A client that never settles its promise must not hang the run.
function limited(promise) {
  const late = sleep(20000, null, { ref: false }).then(() => {
    throw new Error("no end after 20 s");
  });
  return Promise.race([promise, late]);
}

// `connect` opens a client for each test and `close` ends it.
export async function main(library, connect, close) {
  let passed = 0;
  let failed = 0;
  for (const { name, body } of tests) {
    let client;
    try {
      client = await limited(connect());
      await limited(body(client, `${library}:${run}:${name.replaceAll(" ", "-")}:`));
      passed++;
    } catch (error) {
      if (error instanceof Skip) {
        console.log(`SKIP: ${name}: ${error.message}`);
      } else {
        failed++;
        console.log(`FAILED: ${name}: ${error.stack ?? error}`);
      }
    } finally {
      if (client) await limited(close(client)).catch(() => {});
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

// A lock and a guarded write, by ioredis: node same_lock.mjs HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]
//
// Raises {NAME}:total by one in each turn, by reading and writing it: without the lock additions would
// be lost. Whoever comes too late is refused, says so and ends with 1.

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

const [addresses, name, turns, ttl = "10000", work = "10"] = process.argv.slice(2);
if (turns === undefined) {
  console.error("usage: node same_lock.mjs HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]");
  process.exit(2);
}

const nodes = addresses.split(",");
let next = process.pid;
let connection = null;

// One connection to one node; when it breaks, call() takes the next.
function connect() {
  const [, host, port] = nodes[next++ % nodes.length].match(/(.*):(\d+)/);
  connection = new Redis({
    host, port: Number(port), protocol: 2,  // in which a grant's fields are known by their places
    retryStrategy: null, maxRetriesPerRequest: 0, commandTimeout: 10000,
  });
  connection.on("error", () => {});
}

// No answer to the command itself: the connection broke, or the cluster says to ask again.
function isPassing(error) {
  return error.name !== "ReplyError" || /^(NOLEADER|UNKNOWN|LOADING)/.test(error.message);
}

// Asks whichever node answers, until there is an answer: for commands that may be repeated.
async function call(...words) {
  for (;;) {
    if (connection === null) connect();
    try {
      return await connection.call(...words);
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (error.name !== "ReplyError") {
        connection.disconnect();
        connection = null;
      }
      await sleep(50);
    }
  }
}

const owner = `${hostname()}:${process.pid}:${randomBytes(8).toString("hex")}`;

// The token. Repeated under the same owner it is the same grant, or the same place in the queue.
async function acquire() {
  for (;;) {
    const grant = await call("LOCK.ACQUIRE", name, owner, "TTL", ttl, "WAIT", "5000");
    if (grant !== null) return grant[0];
  }
}

// FENCED if a later holder has been here.
async function write(token, key, value) {
  await call("GUARD", name, token, "SET", key, value);
}

async function release(token) {
  await call("LOCK.RELEASE", name, token).catch((error) => {
    if (!error.message.startsWith("LOST")) throw error; // then it had ended before
  });
}

const key = `{${name}}:total`;
for (let turn = 0; turn < Number(turns); turn++) {
  const token = await acquire();
  console.log(`holding ${token}`);
  const total = Number((await call("GET", key)) ?? 0);
  await sleep(Number(work));
  try {
    await write(token, key, total + 1);
  } catch (error) {
    console.log(`too late: ${error.message}`);
    process.exit(1);
  }
  await release(token);
}
console.log(`${turns} turns`);
process.exit(0);

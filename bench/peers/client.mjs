// What the node clients of the side-by-side run share; see client.hpp for arguments and outputs.

import { writeFileSync, writeSync } from 'node:fs';

const [port, , offset, warmup, seconds, file, codes] = process.argv.slice(2);

export const task = {
  port: Number(port), // the CA file comes in NODE_EXTRA_CA_CERTS
  codes: codes.split(','),
};

const kOffsetUs = Number(offset);
const kWindowUs = Number(seconds) * 1e6;
const latencies = [];
const counts = { trade: 0, orderbook: 0 };
let startUs = 0;
let cpuBefore;

/** One REALTIME frame has reached its user; dueUs is what it says. */
export function take(type, dueUs) {
  const nowUs = Number(process.hrtime.bigint()) / 1000;
  const due = dueUs - kOffsetUs;
  if (startUs === 0) startUs = nowUs + Number(warmup) * 1e6;
  if (due < startUs) return;
  cpuBefore ??= process.cpuUsage();
  if (due >= startUs + kWindowUs) finish();
  latencies.push(nowUs - due);
  counts[type] += 1;
}

/** A snapshot carries milliseconds; those are not measured. */
export function isRealtime(stamp) {
  return stamp > 1e15;
}

export function fail(error) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exit(1);
}

function finish() {
  const used = process.cpuUsage(cpuBefore);
  writeFileSync(file, new Float64Array(latencies));
  const result = { cpu_seconds: (used.user + used.system) / 1e6, ...counts };
  writeSync(1, `${JSON.stringify(result)}\n`);
  process.exit(0);
}

// tardis-dev as its manual has it: one normalised stream of trades and books.

import { normalizeBookChanges, normalizeTrades, streamNormalized } from 'tardis-dev';
import { fail, take, task } from './client.mjs';

process.env.WSS_URL_UPBIT = `wss://localhost:${task.port}/websocket/v1`;

const kTypes = { trade: 'trade', book_change: 'orderbook' };
const options = { exchange: 'upbit', symbols: task.codes, onError: fail };

for await (const message of streamNormalized(options, normalizeTrades, normalizeBookChanges)) {
  const type = kTypes[message.type];
  const { timestamp } = message;
  // Snapshots carry milliseconds, and with them no μs.
  if (type === undefined || timestamp.μs === undefined) continue;
  take(type, timestamp.getTime() * 1000 + timestamp.μs);
}

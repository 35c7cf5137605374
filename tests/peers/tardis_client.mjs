// tardis-dev as a user writes it: one normalised stream of trades and books. Its own environment
// variable says where the exchange is. Counted are the normalised messages.

import { normalizeBookChanges, normalizeTrades, streamNormalized } from 'tardis-dev';
import { Tally } from './tally.mjs';

process.env.WSS_URL_UPBIT = `wss://localhost:${process.env.UPFEED_SIM_PORT}/websocket/v1`;

const tally = new Tally();
const options = {
  exchange: 'upbit',
  symbols: ['KRW-BTC', 'KRW-ETH', 'BTC-ETH'],
  timeoutIntervalMS: 60_000, // a silent server is part of the test
  onError: (error) => tally.fail(error),
};

function seeBook({ symbol, bids, asks }) {
  tally.check(bids.length > 0 && asks.length > 0, `empty book: ${symbol}`);
  tally.check(bids[0].price < asks[0].price, `crossed book: ${symbol}`);
  tally.count('orderbook', symbol);
}

function seeTrade({ symbol, price, amount }) {
  tally.check(price > 0 && amount > 0, `trade without price or amount: ${symbol}`);
  tally.count('trade', symbol);
}

for await (const message of streamNormalized(options, normalizeTrades, normalizeBookChanges)) {
  if (message.type === 'book_change') seeBook(message);
  if (message.type === 'trade') seeTrade(message);
}

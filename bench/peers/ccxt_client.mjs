// ccxt as its manual has it: one loop a market around watchTrades and watchOrderBook.

import ccxt from 'ccxt';
import { fail, isRealtime, take, task } from './client.mjs';

const exchange = new ccxt.pro.upbit({
  hostname: `localhost:${task.port}`,
  newUpdates: true, // watchTrades returns what is new since its last return
});

async function followTrades(symbol) {
  for (;;) {
    for (const trade of await exchange.watchTrades(symbol)) {
      if (isRealtime(trade.timestamp)) take('trade', trade.timestamp);
    }
  }
}

async function followBook(symbol) {
  for (;;) {
    const book = await exchange.watchOrderBook(symbol);
    if (isRealtime(book.timestamp)) take('orderbook', book.timestamp);
  }
}

try {
  await exchange.loadMarkets();
  const symbols = task.codes.map((code) => exchange.safeSymbol(code, undefined, '-'));
  await Promise.all([...symbols.map(followTrades), ...symbols.map(followBook)]);
} catch (error) {
  fail(error);
}

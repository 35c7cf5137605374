// ccxt as a user writes it: REST first, then one instance that watches tickers, trades and books.
// `hostname` is its own option for the sites of the exchange; nothing else differs from the real
// thing. Counted is what the awaited calls return.

import ccxt from 'ccxt';
import { Tally } from './tally.mjs';

const kTickers = ['BTC/KRW'];
const kTrades = ['BTC/KRW', 'ETH/KRW'];
const kBooks = ['BTC/KRW', 'ETH/BTC'];

const tally = new Tally();
const exchange = new ccxt.pro.upbit({
  hostname: `localhost:${process.env.UPFEED_SIM_PORT}`,
  newUpdates: true, // watchTrades returns what is new since its last return
});

function isBook(book) {
  return book.bids.length > 0 && book.asks.length > 0 && book.bids[0][0] < book.asks[0][0];
}

async function follow(type, symbol, watch, see) {
  const code = exchange.market(symbol).id;
  for (;;) tally.count(type, code, see(await watch()));
}

function seeTicker(ticker) {
  tally.check(ticker.last > 0 && ticker.baseVolume > 0, 'ticker without price or volume');
  return 1;
}

function seeTrades(trades) {
  for (const trade of trades) {
    tally.check(trade.price > 0 && trade.amount > 0, 'trade without price or amount');
  }
  return trades.length;
}

function seeBook(book) {
  tally.check(isBook(book), `not a book: ${book.symbol}`);
  return 1;
}

try {
  tally.markets = Object.keys(await exchange.loadMarkets()).length;
  const symbol = kBooks[0];
  tally.check(isBook(await exchange.fetchOrderBook(symbol)), 'fetchOrderBook');
  tally.check((await exchange.fetchTicker(symbol)).last > 0, 'fetchTicker');
  tally.check(Object.keys(await exchange.fetchTickers(kTrades)).length === 2, 'fetchTickers');
  await Promise.all([
    ...kTickers.map((s) => follow('ticker', s, () => exchange.watchTicker(s), seeTicker)),
    ...kTrades.map((s) => follow('trade', s, () => exchange.watchTrades(s), seeTrades)),
    ...kBooks.map((s) => follow('orderbook', s, () => exchange.watchOrderBook(s), seeBook)),
  ]);
} catch (error) {
  tally.fail(error);
}

#include "sim/account.hpp"

#include <algorithm>
#include <array>

#include "sim/json_writer.hpp"

namespace upfeed::sim {
namespace {

constexpr Int128 kAmountPerUnit = 1'000'000'000'000;  // 1e-8 in 1e-20
constexpr Int128 kAmountPerFund = 10'000;             // 1e-16 (price x volume) in 1e-20
constexpr Int128 kFeePerFund = 5;                     // 0.05 % of 1e-16 in 1e-20
constexpr std::int64_t kOrderLagMs = 12;              // from the event to its frame

constexpr Int128 amount(std::int64_t whole, std::int64_t high_decimals, std::int64_t low_decimals) {
  return (static_cast<Int128>(whole) * 10'000'000'000 + high_decimals) * 10'000'000'000 +
         low_decimals;
}
// docs.upbit.com/kr/reference/websocket-myasset: the balance of its example.
constexpr Int128 kDocumentedBalance = amount(1'386'929, 3'723'106'677, 1'348'207'123);
// What orders of other programs hold, so that `locked` is never simply 0.
constexpr Int128 kOtherLocked = amount(10'329, 6'701'274'895, 9'758'568'500);

std::string plain(Int128 value, int scale) {
  return to_plain({value, scale});
}

std::string quoted_or_null(std::string_view text) {
  if (text.empty()) return "null";
  return std::string("\"").append(text).append("\"");
}

std::string hex(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15U];
  return text;
}

}  // namespace

Account::Account(std::uint64_t seed, std::vector<AccountMarket> markets)
    : random_(seed), markets_(std::move(markets)) {
  quote_ = markets_.front().code.substr(0, markets_.front().code.find('-'));
  funds_[quote_] = {kDocumentedBalance + kOtherLocked, kOtherLocked};
  for (const AccountMarket& market : markets_) {
    // About a million worth of each: an ask never runs dry.
    const Int128 volume = static_cast<Int128>(1'000'000) * kOne * kOne / market.price;
    funds_[market.code.substr(market.code.find('-') + 1)] = {volume * kAmountPerUnit, 0};
  }
}

std::string Account::base() const {
  return order_.market->code.substr(order_.market->code.find('-') + 1);
}

std::string Account::make_uuid() {
  const std::uint64_t a = random_.next();
  const std::uint64_t b = random_.next();
  return hex(a >> 32, 8) + '-' + hex(a >> 16 & 0xffffU, 4) + "-4" + hex(a & 0xfffU, 3) + '-' +
         hex(0x8000U | (b >> 48 & 0x3fffU), 4) + '-' + hex(b, 12);
}

// One of the eight lives of an order, by turns.
void Account::start_script(std::int64_t now_ms) {
  using enum Action;
  static constexpr std::array<std::string_view, 3> kSmpTypes{"reduce", "cancel_maker",
                                                             "cancel_taker"};
  struct Life {
    std::string_view type;
    bool is_ask;
    std::string_view time_in_force;
    bool has_smp;
    std::vector<Action> actions;
  };
  static const std::array<Life, 8> kLives{{
      {"limit", false, "", false, {wait, trade_part, trade_rest, done}},
      {"price", false, "", false, {trade_part, trade_rest, done}},
      {"market", true, "", false, {trade_part, trade_rest, done}},
      {"limit", true, "post_only", false, {wait, cancel}},
      {"best", false, "ioc", false, {trade_part, cancel}},
      {"best", true, "fok", false, {trade_rest, done}},
      {"limit", false, "", false, {watch, wait, trade_part, cancel}},
      {"limit", true, "", true, {wait, prevent, trade_rest, done}},
  }};
  const Life& life = kLives[script_count_ % kLives.size()];
  order_ = {};
  order_.market = &markets_[random_.below(markets_.size())];
  order_.uuid = make_uuid();
  order_.type = life.type;
  order_.time_in_force = life.time_in_force;
  if (life.has_smp) order_.smp_type = kSmpTypes[script_count_ / kLives.size() % kSmpTypes.size()];
  if (random_.chance(50)) order_.identifier = "strategy-" + std::to_string(script_count_);
  order_.is_ask = life.is_ask;
  order_.is_maker = life.actions.front() == wait || life.actions.front() == watch;
  order_.time_ms = now_ms - kOrderLagMs;
  size_order();
  script_ = life.actions;
  script_at_ = 0;
  ++script_count_;
}

// 5,000 to 25,000 worth, but never more than a twentieth of what there is.
void Account::size_order() {
  const AccountMarket& market = *order_.market;
  const auto ticks = static_cast<std::int64_t>(random_.below(21)) - 10;
  order_.price = std::max(market.tick, market.price + ticks * market.tick);
  const Int128 worth = static_cast<Int128>(5'000 + random_.below(20'000)) * kOne;
  const Int128 wanted = worth * kOne / order_.price;
  const Int128 most = order_.is_ask ? funds_[base()].total / kAmountPerUnit / 20
                                    : funds_[quote_].total / kAmountPerFund / order_.price / 20;
  order_.volume = std::max<Int128>(2, std::min(wanted, most));
}

Account::Trade Account::trade(bool whole) {
  const Int128 left = order_.volume - order_.executed - order_.prevented;
  Trade trade;
  trade.uuid = make_uuid();
  trade.volume = whole ? left : std::max<Int128>(1, left / 3);
  trade.fee = trade.volume * order_.price * kFeePerFund;
  const Int128 funds = trade.volume * order_.price * kAmountPerFund;
  order_.executed += trade.volume;
  order_.funds += funds;
  order_.fee += trade.fee;
  ++order_.trades;
  const Int128 volume = trade.volume * kAmountPerUnit;
  funds_[base()].total += order_.is_ask ? -volume : volume;
  funds_[quote_].total += (order_.is_ask ? funds : -funds) - trade.fee;
  return trade;
}

// Of the base currency for an ask, otherwise of the quote currency with the fee.
Int128 Account::locked() const {
  if (order_.is_over) return 0;
  const Int128 left = order_.volume - order_.executed - order_.prevented;
  if (order_.is_ask) return left * kAmountPerUnit;
  return left * order_.price * (kAmountPerFund + kFeePerFund);
}

std::vector<std::string> Account::step(std::int64_t now_ms) {
  using enum Action;
  if (!is_started_) {
    is_started_ = true;
    return {write_asset(quote_, now_ms)};
  }
  if (script_at_ == script_.size()) start_script(now_ms);
  const auto before = funds_;
  std::vector<std::string> frames;
  const Action action = script_[script_at_++];
  switch (action) {
    case watch:
      frames.push_back(write_order("watch", nullptr, now_ms));
      break;
    case wait:
      frames.push_back(write_order("wait", nullptr, now_ms));
      break;
    case trade_part:
    case trade_rest: {
      const Trade made = trade(action == trade_rest);
      frames.push_back(write_order("trade", &made, now_ms));
      break;
    }
    case prevent:
      order_.prevented = order_.volume / 4;
      frames.push_back(write_order("prevented", nullptr, now_ms));
      break;
    case done:
    case cancel:
      order_.is_over = true;
      frames.push_back(write_order(action == done ? "done" : "cancel", nullptr, now_ms));
      break;
  }
  settle(before, now_ms, frames);
  return frames;
}

void Account::settle(const std::map<std::string, Funds>& before, std::int64_t now_ms,
                     std::vector<std::string>& frames) {
  funds_[quote_].locked = kOtherLocked + (order_.is_ask ? 0 : locked());
  funds_[base()].locked = order_.is_ask ? locked() : 0;
  for (const auto& [currency, funds] : funds_) {
    const Funds& old = before.at(currency);
    if (old.total == funds.total && old.locked == funds.locked) continue;
    frames.push_back(write_asset(currency, now_ms));
  }
}

std::string Account::write_asset(const std::string& currency, std::int64_t now_ms) {
  const Funds& funds = funds_[currency];
  std::string out;
  JsonWriter json(out, false);
  json.text("type", "", "myAsset");
  json.text("asset_uuid", "", make_uuid());
  json.key("assets", "");
  out += R"([{"currency":")" + currency + R"(","balance":)" +
         plain(funds.total - funds.locked, kAmountScale) + R"(,"locked":)" +
         plain(funds.locked, kAmountScale) + "}]";
  json.integer("asset_timestamp", "", now_ms - kOrderLagMs);
  json.integer("timestamp", "", now_ms);
  json.text("stream_type", "", "REALTIME");
  json.close();
  return out;
}

std::string Account::write_order(std::string_view state, const Trade* trade,
                                 std::int64_t now_ms) const {
  const Order& it = order_;
  const bool has_price = trade != nullptr || it.type == "limit" || it.type == "price";
  const bool has_volume = trade != nullptr || it.type != "price";
  // The price of a market buy is the amount it spends.
  const Int128 money = it.volume * it.price / kOne;
  const Int128 price = trade == nullptr && it.type == "price" ? money : it.price;
  const Int128 left = it.volume - it.executed - it.prevented;
  const Int128 fee = it.is_ask ? 0 : it.volume * it.price * kFeePerFund;
  const Int128 fee_left = it.is_ask || it.is_over ? 0 : left * it.price * kFeePerFund;
  std::string out;
  JsonWriter json(out, false);
  const auto value = [&](std::string_view name, bool is_there, Int128 units, int scale) {
    json.raw(name, "", is_there ? plain(units, scale) : "null");
  };
  json.text("type", "", "myOrder");
  json.text("code", "", it.market->code);
  json.text("uuid", "", it.uuid);
  json.text("ask_bid", "", it.is_ask ? "ASK" : "BID");
  json.text("order_type", "", it.type);
  json.text("state", "", state);
  json.raw("trade_uuid", "", trade == nullptr ? "null" : quoted_or_null(trade->uuid));
  value("price", has_price, price, kScale);
  value("avg_price", true, it.trades == 0 ? 0 : it.price, kScale);
  value("volume", has_volume, trade == nullptr ? it.volume : trade->volume, kScale);
  value("remaining_volume", it.type != "price", left, kScale);
  value("executed_volume", true, it.executed, kScale);
  json.integer("trades_count", "", it.trades);
  value("reserved_fee", true, fee, kAmountScale);
  value("remaining_fee", true, fee_left, kAmountScale);
  value("paid_fee", true, it.fee, kAmountScale);
  value("locked", true, locked(), kAmountScale);
  value("executed_funds", true, it.funds, kAmountScale);
  json.raw("time_in_force", "", quoted_or_null(it.time_in_force));
  value("trade_fee", trade != nullptr, trade == nullptr ? 0 : trade->fee, kAmountScale);
  json.raw("is_maker", "", trade == nullptr ? "null" : it.is_maker ? "true" : "false");
  json.raw("identifier", "", quoted_or_null(it.identifier));
  json.raw("smp_type", "", quoted_or_null(it.smp_type));
  value("prevented_volume", true, it.prevented, kScale);
  value("prevented_locked", true,
        it.is_ask ? it.prevented * kAmountPerUnit : it.prevented * it.price * kAmountPerFund,
        kAmountScale);
  json.raw("trade_timestamp", "", trade == nullptr ? "null" : std::to_string(now_ms - kOrderLagMs));
  json.integer("order_timestamp", "", it.time_ms);
  json.integer("timestamp", "", now_ms);
  json.text("stream_type", "", "REALTIME");
  json.close();
  return out;
}

}  // namespace upfeed::sim

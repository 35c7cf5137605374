#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/number.hpp"
#include "sim/random.hpp"

/// An account whose owner trades all day: myOrder and myAsset frames. No I/O, no clock.
///
///   script (8 of them, in turn) ---> order changes its state ---> myOrder frame
///                                \--> balances follow ---> one myAsset frame per changed currency
///
/// The scripts together show every order type, state, time in force and self-match prevention that
/// is documented, and every documented null. Money adds up exactly: for each currency balance +
/// locked is what the trades and fees left. A run is a function of (seed, markets, times of the
/// steps). Not modelled: several orders at once, deposits, the market's own book.
namespace upfeed::sim {

/// Amounts of money and volume x 1e-20: KRW fees need 16 decimals, the documented balance 20.
inline constexpr int kAmountScale = 20;

/// A market the owner trades. Price and tick in quote x 1e-8.
struct AccountMarket {
  std::string code;
  std::int64_t price = 0;
  std::int64_t tick = 0;
};

class Account {
 public:
  /// markets  at least one; all quoted in the same currency, that of the first.
  Account(std::uint64_t seed, std::vector<AccountMarket> markets);

  /// The next change: a myOrder frame in DEFAULT, then the myAsset frames that follow from it. The
  /// very first step is the balance of the documentation.
  [[nodiscard]] std::vector<std::string> step(std::int64_t now_ms);

 private:
  enum class Action : std::uint8_t { watch, wait, trade_part, trade_rest, prevent, done, cancel };
  struct Funds {
    Int128 total = 0;
    Int128 locked = 0;
  };
  struct Order {
    const AccountMarket* market = nullptr;
    std::string uuid;
    std::string_view type;           // limit, price, market, best
    std::string_view time_in_force;  // empty: null
    std::string_view smp_type;       // empty: null
    std::string identifier;          // empty: null
    bool is_ask = false;
    bool is_maker = false;
    std::int64_t price = 0;  // x 1e-8; of a best order, what it will trade at
    Int128 volume = 0;       // x 1e-8
    Int128 executed = 0;     // x 1e-8
    Int128 prevented = 0;    // x 1e-8
    Int128 funds = 0;        // executed, x 1e-20
    Int128 fee = 0;          // paid, x 1e-20
    std::uint32_t trades = 0;
    std::int64_t time_ms = 0;
    bool is_over = false;
  };
  struct Trade {
    std::string uuid;
    Int128 volume = 0;  // x 1e-8
    Int128 fee = 0;     // x 1e-20
  };

  void start_script(std::int64_t now_ms);
  void size_order();
  [[nodiscard]] Trade trade(bool whole);
  [[nodiscard]] Int128 locked() const;
  void settle(const std::map<std::string, Funds>& before, std::int64_t now_ms,
              std::vector<std::string>& frames);
  [[nodiscard]] std::string write_order(std::string_view state, const Trade* trade,
                                        std::int64_t now_ms) const;
  [[nodiscard]] std::string write_asset(const std::string& currency, std::int64_t now_ms);
  [[nodiscard]] std::string make_uuid();
  [[nodiscard]] std::string base() const;

  Random random_;
  std::vector<AccountMarket> markets_;
  std::string quote_;
  std::map<std::string, Funds> funds_;
  std::size_t script_count_ = 0;
  std::vector<Action> script_;
  std::size_t script_at_ = 0;
  bool is_started_ = false;
  Order order_;
};

}  // namespace upfeed::sim

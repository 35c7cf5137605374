#include "pipeline_baselines.hpp"

#include <simdjson.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "beast_client.hpp"

namespace upfeed::bench {

namespace ondemand = simdjson::ondemand;
static_assert(BeastClient::kPaddingBytes >= simdjson::SIMDJSON_PADDING);

struct IndexedPipeline::Parser {
  ondemand::parser parser;

  bool read(std::span<const char> payload, Record& out) {
    ondemand::document document;
    std::string_view code;
    ondemand::array units;
    if (parser.iterate(payload.data(), payload.size(), payload.size() + BeastClient::kPaddingBytes)
                .get(document) != simdjson::SUCCESS ||
        document.find_field("code").get_string().get(code) != simdjson::SUCCESS ||
        document.find_field("timestamp").get_int64().get(out.timestamp) != simdjson::SUCCESS ||
        document.find_field("orderbook_units").get_array().get(units) != simdjson::SUCCESS) {
      return false;
    }
    out.code = {};
    std::copy_n(code.begin(), std::min(code.size(), out.code.size() - 1), out.code.begin());
    out.book.unit_count = 0;
    for (auto element : units) {
      ondemand::object unit;
      if (element.get_object().get(unit) || out.book.unit_count == kBookDepthMax) return false;
      DoubleUnit& next = out.book.units[out.book.unit_count++];
      if (unit.find_field("ask_price").get_double().get(next.ask_price) ||
          unit.find_field("bid_price").get_double().get(next.bid_price) ||
          unit.find_field("ask_size").get_double().get(next.ask_size) ||
          unit.find_field("bid_size").get_double().get(next.bid_size)) {
        return false;
      }
    }
    return true;
  }
};

IndexedPipeline::IndexedPipeline(Callback callback)
    : parser_(std::make_unique<Parser>()), callback_(std::move(callback)) {}
IndexedPipeline::~IndexedPipeline() = default;

void IndexedPipeline::on_payload(std::span<const char> payload) {
  Record* const slot = ring_.try_claim();
  if (slot == nullptr || !parser_->read(payload, *slot)) {
    throw std::runtime_error("On-Demand pipeline: a frame was refused");
  }
  ring_.publish();
}

void IndexedPipeline::dispatch() {
  const Record* const record = ring_.peek();
  if (record == nullptr) return;
  Book& book = books_[record->code.data()];
  book.unit_count = record->book.unit_count;
  std::copy_n(record->book.units.begin(), book.unit_count, book.units.begin());
  ring_.release();
  callback_(book);
}

void UsualPipeline::on_payload(std::span<const char> payload) {
  const nlohmann::json document = nlohmann::json::parse(payload.begin(), payload.end());
  Message message;
  message.code = document.at("code").get<std::string>();
  message.timestamp = document.at("timestamp").get<std::int64_t>();
  for (const nlohmann::json& unit : document.at("orderbook_units")) {
    message.units.push_back({unit.at("ask_price").get<double>(), unit.at("bid_price").get<double>(),
                             unit.at("ask_size").get<double>(), unit.at("bid_size").get<double>()});
  }
  {
    const std::lock_guard lock(mutex_);
    queue_.push(std::move(message));
  }
  filled_.notify_one();
}

void UsualPipeline::dispatch() {
  Message message;
  {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !queue_.empty(); });
    message = std::move(queue_.front());
    queue_.pop();
  }
  Book& book = books_[message.code];
  book.asks.clear();
  book.bids.clear();
  for (const DoubleUnit& unit : message.units) {
    book.asks[unit.ask_price] = unit.ask_size;
    book.bids[unit.bid_price] = unit.bid_size;
  }
  callback_(book);
}

}  // namespace upfeed::bench

#pragma once

// A digest of what the exchange said: two runs over the same frames give the same value, and a
// change of any one field, order or count gives another. The recipe, for other programs to
// recompute it, is in feed/decode/README.md.

#include <cstdint>
#include <memory>
#include <string>

#include "upfeed/events.hpp"

namespace upfeed {

/// XXH3-64 over the canonical exchange fields of the events of each connection in the order of
/// add(), the connections combined in the order of their numbers.
/// Hashed: kind, code, candle unit, which keys were present or null, and every value (the value,
/// not its spelling). Not hashed: receive times, connection numbers, epochs, sequence numbers,
/// flags, record sizes; status, loss and gap events.
/// Of indicators the JSON text is hashed as it came, so there the format and spelling count.
/// threads  one thread at a time.
class EventHash {
 public:
  EventHash();
  ~EventHash();
  EventHash(EventHash&&) noexcept;
  EventHash& operator=(EventHash&&) noexcept;

  /// Allocates only at the first event of a connection; ends the program when that fails.
  void add(const EventHeader& event) noexcept;
  /// Over all events so far; more may be added afterwards.
  [[nodiscard]] std::uint64_t value() const noexcept;
  /// value() as 16 hexadecimal digits, most significant first.
  [[nodiscard]] std::string hex() const;
  /// Events that entered the hash.
  [[nodiscard]] std::uint64_t event_count() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upfeed

#pragma once

// All living subscriptions, and the one wanted set they merge into:
//   the same code with different units      the largest is asked, cut for the others
//   the same code with different levels     different books
//   different modes of the same stream      the union, filtered per client
// Owned by the dispatcher's thread.

#include <memory>
#include <vector>

#include "session/wanted.hpp"
#include "subscription.hpp"

namespace upfeed::detail {

class Subscriptions {
 public:
  void add(std::shared_ptr<Subscription> subscription);
  /// False when it was not there.
  bool remove(const Subscription* subscription);
  [[nodiscard]] const std::vector<std::shared_ptr<Subscription>>& all() const noexcept {
    return all_;
  }
  /// What the connection has to deliver for all of them.
  [[nodiscard]] WantedSet wanted() const;

 private:
  std::vector<std::shared_ptr<Subscription>> all_;
};

}  // namespace upfeed::detail

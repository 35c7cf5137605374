#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "sim/byte_script.hpp"

/// The bytes between WebSocket and the network.
///
///   Beast ---> Pipe ---> PipeState: collected bytes, steps of a script ---> TLS ---> SlicedSocket
///
/// Writes are collected in memory and go out together, so a burst of frames costs a few TLS records
/// and system calls instead of one each. A write never blocks, which lets synchronous WebSocket
/// writes (cheap) live beside an asynchronous read. Because whole frames arrive here, scripted
/// bytes always come between two of them.
namespace upfeed::sim {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

/// A TCP socket that can be told to write little at a time.
class SlicedSocket {
 public:
  using executor_type = Tcp::socket::executor_type;
  using lowest_layer_type = Tcp::socket::lowest_layer_type;

  explicit SlicedSocket(Tcp::socket socket) : socket_(std::move(socket)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }
  void set_slice_bytes(std::size_t bytes) { slice_bytes_ = bytes; }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    return socket_.read_some(buffers, error);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    return socket_.write_some(slice(buffers), error);
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return socket_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return socket_.async_write_some(slice(buffers), std::forward<Token>(token));
  }

 private:
  // TLS hands over one buffer at a time.
  template <class Buffers>
  [[nodiscard]] asio::const_buffer slice(const Buffers& buffers) const {
    const asio::const_buffer first(*asio::buffer_sequence_begin(buffers));
    return slice_bytes_ == 0 ? first : asio::buffer(first, slice_bytes_);
  }

  Tcp::socket socket_;
  std::size_t slice_bytes_ = 0;
};

using TlsStream = asio::ssl::stream<SlicedSocket>;

class PipeState : public std::enable_shared_from_this<PipeState> {
 public:
  /// A read that a frozen pipe keeps back.
  class HeldRead {
   public:
    virtual ~HeldRead() = default;
    virtual void complete(error_code error) = 0;
  };

  PipeState(Tcp::socket socket, asio::ssl::context& context)
      : tls_(SlicedSocket(std::move(socket)), context), timer_(tls_.get_executor()) {}

  TlsStream& tls() { return tls_; }
  [[nodiscard]] std::size_t queued_bytes() const {
    return collected_.size() + going_.size() + script_bytes_;
  }

  void append(const char* bytes, std::size_t size);
  void add_script(ByteScript script);
  [[nodiscard]] const PipeShape& shape() const { return shape_; }
  void set_shape(const PipeShape& shape);

  /// Frozen: what is written is lost, what is read is kept back, the socket stays.
  void set_frozen(bool frozen);
  [[nodiscard]] bool is_frozen() const { return is_frozen_; }
  void hold(std::unique_ptr<HeldRead> read) { held_ = std::move(read); }

  /// Leave the peer's close or pings without their answer.
  void ignore_closes() { ignores_closes_ = true; }
  void ignore_pings() { ignores_pings_ = true; }
  /// Back to an honest pipe.
  void end_faults();
  /// Whether a control frame that starts with this byte is to be lost.
  [[nodiscard]] bool swallows(unsigned char first_byte) const {
    return (ignores_closes_ && first_byte == kFinalClose) ||
           (ignores_pings_ && first_byte == kFinalPong);
  }

  /// Ends the stream properly once everything written is out.
  void finish();
  void cut();
  void reset();
  /// Keeps the socket open and deaf, without an owner, until the peer ends it.
  void linger();

 private:
  using Clock = std::chrono::steady_clock;
  struct Step {
    PipeStep what;
    Clock::time_point not_before{};
  };

  void wake();
  void next();
  void perform(PipeStep step);
  void write(std::size_t offset);
  void wait_until(Clock::time_point time);
  void shut_down();
  void release_held(error_code error);

  TlsStream tls_;
  asio::steady_timer timer_;
  PipeShape shape_;
  std::string collected_;  // empty while there are steps
  std::string going_;
  std::deque<Step> steps_;
  std::size_t script_bytes_ = 0;
  std::unique_ptr<HeldRead> held_;
  std::array<char, 4'096> ignored_;
  bool is_busy_ = false;  // a write, a wait or a post is on its way
  bool is_finishing_ = false;
  bool is_over_ = false;  // nothing can be sent any more
  bool is_frozen_ = false;
  bool ignores_closes_ = false;
  bool ignores_pings_ = false;
};

/// PipeState as the stream type that Beast wants.
class Pipe {
 public:
  using executor_type = TlsStream::executor_type;

  explicit Pipe(std::shared_ptr<PipeState> state) : state_(std::move(state)) {}

  executor_type get_executor() { return state_->tls().get_executor(); }
  PipeState& state() { return *state_; }

  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return state_->tls().read_some(buffers);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    return state_->tls().read_some(buffers, error);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return append(*state_, buffers);
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    error = {};
    return append(*state_, buffers);
  }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [state = state_](auto handler, const Buffers& parts) {
          state->tls().async_read_some(parts, [state, handler = std::move(handler)](
                                                  error_code error, std::size_t size) mutable {
            // An end must get through, or a frozen connection could never be cleaned up.
            if (!error && state->is_frozen()) {
              state->hold(std::make_unique<Held<decltype(handler)>>(std::move(handler), size));
            } else {
              handler(error, size);
            }
          });
        },
        token, buffers);
  }
  /// Beast writes only control frames and the upgrade's reply this way.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [state = state_](auto handler, const Buffers& parts) {
          const asio::const_buffer first(*asio::buffer_sequence_begin(parts));
          const bool is_lost =
              first.size() > 0 && state->swallows(*static_cast<const unsigned char*>(first.data()));
          const std::size_t size = is_lost ? asio::buffer_size(parts) : append(*state, parts);
          asio::post(state->tls().get_executor(),
                     boost::beast::bind_front_handler(std::move(handler), error_code{}, size));
        },
        token, buffers);
  }

 private:
  template <class Handler>
  class Held final : public PipeState::HeldRead {
   public:
    Held(Handler handler, std::size_t size) : handler_(std::move(handler)), size_(size) {}
    void complete(error_code error) override { handler_(error, error ? 0 : size_); }

   private:
    Handler handler_;
    std::size_t size_;
  };

  template <class Buffers>
  static std::size_t append(PipeState& state, const Buffers& buffers) {
    std::size_t size = 0;
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
         ++it) {
      const asio::const_buffer part(*it);
      state.append(static_cast<const char*>(part.data()), part.size());
      size += part.size();
    }
    return size;
  }

  std::shared_ptr<PipeState> state_;
};

// Beast finds these two by argument-dependent lookup.
template <class Handler>
void async_teardown(boost::beast::role_type, Pipe& pipe, Handler&& handler) {
  pipe.state().finish();
  asio::post(pipe.get_executor(),
             boost::beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}

inline void beast_close_socket(Pipe& pipe) {
  pipe.state().cut();
}

}  // namespace upfeed::sim

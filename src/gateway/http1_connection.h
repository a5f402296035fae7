#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/connection.h"
#include "gateway/connection_list.h"
#include "gateway/downstream.h"
#include "gateway/exchange.h"
#include "http/framing.h"
#include "net/stream.h"

namespace insula::gateway {

/// A client's HTTP/1 connection and the requests that come over it, one after the other.
///
/// While a request runs, a second task waits for the client to leave and then tells the exchange,
/// which ends the work upstream at once.
///
/// Lifetime: the worker and the place outlive it. Threads: the worker's loop.
class Http1Connection final : public Connection, private Downstream {
 public:
  Http1Connection(Worker& worker,
                  ConnectionList::Place& place,
                  std::unique_ptr<net::Stream> client,
                  std::string server_name);

  enum class End : std::uint8_t {
    kClosed,
    kHttp2,  // the client speaks HTTP/2 and has been answered nothing
  };

  /// Serves requests until either side is done.
  Task<End> serve();

  /// The connection and what has been read of it, for another protocol. Requires: serve() ended
  /// with kHttp2.
  [[nodiscard]] std::unique_ptr<net::Stream> release_stream() { return std::move(client_); }

  [[nodiscard]] std::string_view received() const { return in_; }

  void check_deadline(SteadyTime now) override;
  void begin_drain(SteadyTime now) override;

 private:
  enum class Head : std::uint8_t { kWhole, kPart, kRefused, kHttp2 };

  [[nodiscard]] std::string_view protocol() const override {
    return takes_chunks_ ? "HTTP/1.1" : "HTTP/1.0";
  }

  [[nodiscard]] bool takes_chunks() const override { return takes_chunks_; }

  [[nodiscard]] bool has_body() const override { return has_body_; }

  [[nodiscard]] std::optional<std::string_view> received_body() override;
  Task<Result<>> receive_body() override;
  Task<bool> reply(const OwnReply& reply) override;
  [[nodiscard]] Sent begin(const RelayedHead& head, std::string_view first, bool last) override;
  [[nodiscard]] Sent send(std::string_view piece, bool last) override;
  Task<bool> flush() override;
  void cut_off() override;
  [[nodiscard]] std::optional<RawClient> hand_over() override;

  Task<> watch_hangup();
  Task<Head> read_head();
  Head look_for_head(std::size_t seen);
  void take_head(const http::RequestHead& head);
  void keep(std::string_view received);
  Result<> receive(std::span<char> bytes);
  Result<> receive_in_place(std::size_t bytes);
  Sent send_now(std::string_view first, std::string_view second);
  Task<bool> send_whole(std::string_view text);
  Task<> linger();
  void wait_for(std::chrono::nanoseconds patience);
  void shrink();

  Worker& worker_;
  ConnectionList::Place& place_;
  std::unique_ptr<net::Stream> client_;
  Exchange exchange_;

  std::string in_;        // received and not used up; begins with the present request's head
  std::size_t used_ = 0;  // how much of in_ the present request takes
  std::size_t head_bytes_ = 0;
  std::size_t body_bytes_ = 0;  // of a body that came with its head
  bool has_body_ = false;
  bool body_pending_ = false;  // some of the request's body has not been read
  bool expect_continue_ = false;
  bool takes_chunks_ = true;
  bool first_ = true;  // no request has been answered yet
  http::BodyFramer body_framer_;

  std::string head_out_;
  std::string overflow_;

  /// Of a wait for the client; none while the exchange waits for its upstream.
  std::optional<SteadyTime> deadline_;
  bool idle_ = true;

  TaskGroup watchers_;
};

}  // namespace insula::gateway

#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "http/exchange.h"
#include "http/framing.h"
#include "http/parser.h"
#include "http/server.h"
#include "http/wire.h"
#include "net/stream.h"

namespace insula::http {

/// One accepted connection: reads heads, hands exchanges to the handler one after the other, and
/// holds what they share. Lives in the frame of the task that runs it.
class ServerConnection {
 public:
  ServerConnection(Server& server, std::unique_ptr<net::Stream> stream);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  ~ServerConnection();

  /// Until either side closes, or the connection is handed over.
  Task<> run();

  /// Makes an idle connection end; requests that have arrived already are still answered.
  void stop_reading();

 private:
  friend class Exchange;

  /// What the head says about the connection; the table it was parsed into is gone by then.
  struct Current {
    BodyFramer framer;
    bool keep_alive = true;
    bool old_version = false;
    bool expect_continue = false;
    bool upgrade = false;
    std::uint64_t body_received = 0;
    std::optional<Deadline> body_started;
  };

  enum class Next : std::uint8_t { kRequest, kClose };

  Task<Next> read_request(Request& request);
  Task<bool> wait_for_bytes();
  ParseStatus parse(std::size_t seen, Request& request, Refusal& refusal);
  Task<> refuse(int status, std::string_view why);
  /// False when the connection cannot carry another request.
  Task<bool> answer(Request request);
  Task<bool> settle(Exchange& exchange);
  Task<bool> skip_body();
  Task<> linger();
  void set_idle(bool idle);
  [[nodiscard]] Deadline body_deadline();

  [[nodiscard]] Loop& loop() const { return stream_->loop(); }

  Server& server_;
  std::unique_ptr<net::Stream> stream_;
  WireReader reader_;
  Current current_;
  bool idle_ = false;
  std::list<ServerConnection*>::iterator idle_position_;
};

}  // namespace insula::http

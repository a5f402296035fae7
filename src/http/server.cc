#include "http/server.h"

#include <utility>

#include "async/deadline.h"
#include "http/date.h"
#include "http/server_connection.h"

namespace insula::http {
namespace {

// Descriptors or memory have run out: some connection has to end first.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

class Server::Slot {
 public:
  explicit Slot(Server& server) : server_(&server) {
    ++server.counters_.connections_accepted;
    ++server.counters_.connections_open;
  }

  Slot(Slot&& other) noexcept : server_(std::exchange(other.server_, nullptr)) {}

  Slot& operator=(Slot&&) = delete;

  ~Slot() {
    if (server_ == nullptr) return;
    --server_->counters_.connections_open;
    server_->room_.set();
  }

 private:
  Server* server_;
};

Server::Server(Handler& handler, ServerOptions options)
    : handler_(handler), options_(std::move(options)) {}

Server::~Server() = default;

void Server::serve(std::unique_ptr<net::Listener> listener) {
  accepting_.spawn(accept_all(std::move(listener)));
}

void Server::serve(std::unique_ptr<net::Stream> stream) {
  connections_.spawn(run(std::move(stream), Slot(*this)));
}

Task<> Server::wait_for_room() {
  while (counters_.connections_open >= options_.limits.connections) {
    if (!idle_.empty()) {
      ++counters_.connections_evicted;
      idle_.front()->stop_reading();
    }
    room_.reset();
    co_await room_.wait();
  }
}

Task<> Server::accept_all(std::unique_ptr<net::Listener> listener) {
  for (;;) {
    co_await wait_for_room();
    auto stream = co_await listener->accept();
    if (stream) {
      serve(*std::move(stream));
    } else {
      co_await sleep_for(kAcceptPause);
    }
  }
}

Task<> Server::run(std::unique_ptr<net::Stream> stream, Slot /*slot*/) {
  if (options_.tls != nullptr) {
    const Deadline deadline = stream->loop().now() + options_.limits.handshake_timeout;
    auto secured = co_await net::tls_accept(options_.tls, std::move(stream), deadline);
    if (!secured) {
      ++counters_.handshakes_failed;
      co_return;
    }
    stream = *std::move(secured);
  }
  ServerConnection connection(*this, std::move(stream));
  co_await connection.run();
}

Task<> Server::drain(Deadline deadline) {
  draining_ = true;
  accepting_.cancel();
  for (ServerConnection* connection : idle_)
    connection->stop_reading();
  co_await race(connections_.drained(), sleep_until(deadline));
  connections_.cancel();
}

std::string_view Server::date() {
  const WallTime now = std::chrono::floor<std::chrono::seconds>(Loop::current().clock().wall());
  if (date_.empty() || now != date_second_) {
    date_second_ = now;
    date_ = date_text(now);
  }
  return date_;
}

}  // namespace insula::http

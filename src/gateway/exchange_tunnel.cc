#include <array>
#include <utility>

#include "async/deadline.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"
#include "net/stream.h"

namespace insula::gateway {
namespace {

/// That a tunnel holds in each direction.
constexpr std::size_t kTunnelBytes = std::size_t{16} << 10U;

/// Counts a tunnel for as long as it lives.
class OpenTunnel {
 public:
  explicit OpenTunnel(Gauge& open) : open_(open) { open_.add(1); }

  OpenTunnel(const OpenTunnel&) = delete;
  OpenTunnel& operator=(const OpenTunnel&) = delete;

  ~OpenTunnel() { open_.add(-1); }

 private:
  Gauge& open_;
};

}  // namespace

/// Hands both connections over to the WebSocket protocol, of which nothing is read, until one side
/// is at its end or no byte has passed for a while.
Task<Exchange::Attempt> Exchange::tunnel(Request& request, std::string_view received) {
  const auto client = client_.hand_over();
  if (!client) co_return Attempt::kMalformed;  // It was not asked for another protocol.
  request.status = worker_.response_head().status;
  request.keep_alive = false;
  const HeaderChange* change = change_of_reply(request);
  std::string to_client;
  write_switch_head(to_client, {.head = worker_.response_head(),
                                .framing = ReplyFraming::kAsReceived,
                                .keep_alive = false,
                                .own_headers = own_headers_,
                                .tells_limits = true,
                                .change = change});
  to_client.append(received);
  const std::string to_upstream(client->received);
  request.settle();
  const TenantMetrics& metrics = *request.tenant->metrics;
  metrics.tunnel_bytes_down->add(received.size());
  request.note_sent(received.size());
  request.body_bytes += to_upstream.size();
  metrics.tunnel_bytes_up->add(to_upstream.size());
  const OpenTunnel open(*metrics.tunnels);
  // What was for the request is over with its answer.
  request_end_.reset();
  attempt_end_.reset();
  wait_for_upstream(worker_.settings().timeouts.tunnel_idle);
  if (co_await client->stream->write(to_client) && co_await upstream_->write(to_upstream)) {
    co_await race(pump(request, *client->stream, *upstream_, *metrics.tunnel_bytes_up),
                  pump(request, *upstream_, *client->stream, *metrics.tunnel_bytes_down));
  }
  deadline_.reset();
  co_return Attempt::kDone;
}

/// Passes bytes on until there are no more.
Task<> Exchange::pump(Request& request, net::Stream& from, net::Stream& to, Counter& bytes) {
  std::array<char, kTunnelBytes> buffer{};
  for (;;) {
    const auto got = co_await from.read(buffer);
    if (!got || *got == 0) co_return;
    bytes.add(*got);
    if (&to == upstream_.get()) {
      request.body_bytes += *got;
    } else {
      request.note_sent(*got);
    }
    if (!co_await to.write({buffer.data(), *got})) co_return;
    wait_for_upstream(worker_.settings().timeouts.tunnel_idle);
  }
}

}  // namespace insula::gateway

#include "apiserver/proxy_relay.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apiserver/proxy_head.h"
#include "apiserver/proxy_links.h"
#include "apiserver/stream_pump.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "http/client_connection.h"
#include "http/url.h"
#include "http/wire.h"
#include "net/keep_alive.h"
#include "net/network.h"
#include "net/unverified_tls.h"

namespace insula::apiserver {

namespace {

/// For the connection to the pod, TLS included.
constexpr std::chrono::seconds kConnectTimeout{5};
/// How long a pod may say nothing in the middle of an answer, or before it; that of kubelet's
/// streams. The client may give up at any time before.
constexpr std::chrono::hours kSilenceMax{4};
/// Without any progress of a write to the pod.
constexpr std::chrono::seconds kWritePatience{30};
constexpr std::size_t kBufferBytes = 32uz * 1024;
/// A pod that is gone with its network says nothing: it is asked after so much silence.
constexpr std::chrono::seconds kSilenceBeforeProbes{30};

/// The paths of one proxied request.
struct ProxyPaths {
  std::string prefix;         // "/api/v1/namespaces/a/pods/x:80/proxy"
  std::string_view rest;      // after it, as it came: "", "/", "/a%20b"
  std::string_view question;  // "?" and the query, or nothing
};

ProxyPaths paths_of(const http::Request& request, const RequestInfo& info) {
  ProxyPaths out;
  out.prefix = fmt::format("/api/v1/namespaces/{}/{}/{}/{}", info.name_space, info.resource,
                           info.name, info.subresource);
  // The segments before the rest may be spelled otherwise; there are as many of them.
  std::string_view rest = http::target_path(request.target);
  for (int segment = 0; segment < 7; ++segment) {
    const std::size_t slash = rest.find('/', 1);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  }
  out.rest = rest;
  const std::size_t query = request.target.find('?');
  if (query != std::string::npos) out.question = std::string_view(request.target).substr(query);
  return out;
}

std::unexpected<Error> did_not_answer(const Error& cause) {
  return unreachable(fmt::format("error trying to reach service: {}", cause.message()));
}

/// Not an error of this server, and nobody reads the answer.
std::unexpected<Error> client_left() {
  return std::unexpected(Error(ErrorCode::kBadRequest, ErrorOrigin::kClient, "the client is gone"));
}

/// One request on its way to a pod and back.
class ProxiedRequest {
 public:
  ProxiedRequest(http::Exchange& exchange, net::Stream& pod, ProxyPaths paths, ProxyLinks links)
      : exchange_(exchange),
        pod_(pod),
        reader_(pod, http::Side::kClient),
        paths_(std::move(paths)),
        links_(std::move(links)) {}

  Task<Result<>> run(const OnAnswer& on_answer);

 private:
  Task<Result<>> send_head();
  Task<Result<>> send_piece(std::string_view piece);
  Task<> send_rest();
  Task<Result<http::AnswerHead>> read_head();
  Task<Result<>> return_answer(http::AnswerHead answer, const OnAnswer& on_answer);
  Task<Result<>> return_body(http::BodyFramer framer, bool is_page);
  Task<Result<>> join(http::Headers headers, const OnAnswer& on_answer);

  http::Exchange& exchange_;
  net::Stream& pod_;
  http::WireReader reader_;
  ProxyPaths paths_;
  ProxyLinks links_;
  bool chunked_ = false;             // the request's body
  std::optional<Error> body_error_;  // the client's fault
  bool body_ended_ = false;
  /// Sends the request's body beside whatever the pod answers.
  TaskGroup upload_;
};

Task<Result<>> ProxiedRequest::run(const OnAnswer& on_answer) {
  INSULA_CO_TRY_VOID(co_await send_head());
  if (!body_ended_) upload_.spawn(send_rest());
  auto head = co_await race(read_head(), exchange_.client_gone());
  if (head.index() == 1) co_return client_left();
  Result<http::AnswerHead> answer = std::get<0>(std::move(head));
  if (!answer && body_error_) co_return std::unexpected(*std::move(body_error_));
  if (!answer) co_return did_not_answer(answer.error());
  if (answer->status == 101) {
    if (!asks_for_upgrade(exchange_.request()))
      co_return did_not_answer(
          Error(ErrorCode::kUpstream, "it changes to another protocol, and was not asked to"));
    upload_.cancel();
    http::Headers headers = returned_headers(answer->headers);
    headers.set("Upgrade", answer->headers.get("Upgrade"));
    co_return co_await join(std::move(headers), on_answer);
  }
  auto returned =
      co_await race(return_answer(*std::move(answer), on_answer), exchange_.client_gone());
  if (returned.index() == 1) co_return client_left();
  co_return std::get<0>(std::move(returned));
}

/// The head and, while nothing is answered yet, the first piece of the body: a client that waits
/// for a word to go on is given it by that.
Task<Result<>> ProxiedRequest::send_head() {
  const http::Request& request = exchange_.request();
  const std::string uri = paths_.prefix + std::string(paths_.rest);
  const std::string target =
      (paths_.rest.empty() ? "/" : std::string(paths_.rest)) + std::string(paths_.question);
  const net::Address& peer = exchange_.stream().peer();
  const std::string client = peer.is_unix() ? "" : peer.host();
  const auto length = exchange_.body_length();
  chunked_ = !length;
  std::vector<char> buffer(kBufferBytes);
  std::size_t size = 0;
  if (chunked_ || *length > 0) {
    INSULA_CO_TRY(size, co_await exchange_.read_body(buffer));
  }
  body_ended_ = size == 0;
  const std::string head = forwarded_head(
      request, {.target = target, .uri = uri, .client = client, .body_length = length});
  const auto sent = co_await http::write_patiently(pod_, head, {}, kWritePatience);
  if (!sent) co_return did_not_answer(sent.error());
  if (body_ended_ && !chunked_) co_return Result<>{};
  // A pod that does not want it may have answered already.
  (void)co_await send_piece(std::string_view(buffer.data(), size));
  co_return Result<>{};
}

/// In chunks the empty piece is the end.
Task<Result<>> ProxiedRequest::send_piece(std::string_view piece) {
  if (!chunked_) co_return co_await http::write_patiently(pod_, piece, {}, kWritePatience);
  std::string chunk = fmt::format("{:x}\r\n", piece.size());
  chunk.append(piece).append("\r\n");
  co_return co_await http::write_patiently(pod_, chunk, {}, kWritePatience);
}

Task<> ProxiedRequest::send_rest() {
  std::vector<char> buffer(kBufferBytes);
  while (!body_ended_) {
    auto size = co_await exchange_.read_body(buffer);
    if (!size) {
      body_error_ = std::move(size).error();
      pod_.shutdown();
      co_return;
    }
    body_ended_ = *size == 0;
    if (body_ended_ && !chunked_) co_return;
    const auto sent = co_await send_piece(std::string_view(buffer.data(), *size));
    if (!sent) co_return;
    co_await yield();  // as in pump()
  }
}

Task<Result<http::AnswerHead>> ProxiedRequest::read_head() {
  co_return co_await http::read_answer_head(reader_, {}, exchange_.request().method,
                                            Loop::current().now() + kSilenceMax);
}

Task<Result<>> ProxiedRequest::return_answer(http::AnswerHead answer, const OnAnswer& on_answer) {
  http::Headers headers = returned_headers(answer.headers);
  const std::string_view type = headers.get("Content-Type");
  const auto location = headers.find("Location");
  const bool is_page = !location && type.substr(0, type.find_first_of("; ")) == "text/html" &&
                       !headers.contains("Content-Encoding");
  if (location && !location->empty()) headers.set("Location", links_.rewrite(*location));
  if (const auto length = answer.headers.find("Content-Length"); length && !is_page)
    headers.set("Content-Length", *length);
  on_answer(answer.status, headers);
  INSULA_CO_TRY_VOID(co_await exchange_.start(answer.status, std::move(headers)));
  co_return co_await return_body(answer.framer, is_page);
}

Task<Result<>> ProxiedRequest::return_body(http::BodyFramer framer, bool is_page) {
  HtmlLinks page(links_);
  std::vector<char> buffer(kBufferBytes);
  while (true) {
    INSULA_CO_TRY(const std::size_t size,
                  co_await reader_.read_body(framer, buffer, Loop::current().now() + kSilenceMax));
    if (size == 0) break;
    const std::string_view piece(buffer.data(), size);
    const std::string changed = is_page ? page.feed(piece) : std::string();
    INSULA_CO_TRY_VOID(co_await exchange_.write(is_page ? changed : piece));
    co_await yield();  // as in pump()
  }
  const std::string held = page.finish();
  INSULA_CO_TRY_VOID(co_await exchange_.write(held));
  co_return co_await exchange_.finish();
}

/// Until one of the two ends, as in Kubernetes.
Task<Result<>> ProxiedRequest::join(http::Headers headers, const OnAnswer& on_answer) {
  on_answer(101, headers);
  INSULA_CO_TRY(const std::unique_ptr<net::Stream> client,
                co_await exchange_.upgrade(std::move(headers)));
  if (const std::string early(reader_.buffered()); !early.empty())
    INSULA_CO_TRY_VOID(co_await client->write(early));
  (void)co_await race(pump(*client, pod_), pump(pod_, *client));
  co_return Result<>{};
}

http::Response to_slash(const http::Request& request) {
  http::Response response;
  response.status = 301;
  const std::string_view path = http::target_path(request.target);
  response.headers.set(
      "Location", fmt::format("{}/{}", path, std::string_view(request.target).substr(path.size())));
  return response;
}

}  // namespace

Task<Result<>> ProxyRelay::serve(http::Exchange& exchange,
                                 const RequestInfo& info,
                                 OnAnswer on_answer) {
  const std::vector<net::Address> own = net::own_addresses();
  INSULA_CO_TRY(const ProxyTarget target, find_proxy_target(registry_, info, own));
  const http::Request& request = exchange.request();
  ProxyPaths paths = paths_of(request, info);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (paths.rest.empty() && reads && !asks_for_upgrade(request)) {
    // Links of the page there are relative to its path.
    http::Response response = to_slash(request);
    on_answer(response.status, response.headers);
    co_return co_await exchange.respond(std::move(response));
  }
  auto pod = co_await connect(target);
  if (!pod) co_return did_not_answer(pod.error());
  net::keep_alive((*pod)->fd(), kSilenceBeforeProbes);
  ProxyLinks links{paths.prefix, target.address.text(), std::string(request.headers.get("Host"))};
  ProxiedRequest proxied(exchange, **pod, std::move(paths), std::move(links));
  co_return co_await proxied.run(on_answer);
}

Task<Result<std::unique_ptr<net::Stream>>> ProxyRelay::connect(ProxyTarget target) {
  const Deadline deadline = Loop::current().now() + kConnectTimeout;
  INSULA_CO_TRY(auto stream, co_await dial_(target.address, deadline));
  if (!target.tls) co_return stream;
  if (tls_ == nullptr) tls_ = net::unverified_tls_client();
  co_return co_await net::tls_connect(tls_, std::move(stream), target.address.host(), deadline);
}

}  // namespace insula::apiserver

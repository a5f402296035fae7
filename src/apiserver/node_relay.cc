#include "apiserver/node_relay.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apiserver/stream_pump.h"
#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "http/framing.h"
#include "http/parser.h"
#include "net/stream.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::size_t kBufferBytes = 32uz * 1024;
constexpr std::size_t kHeadBytesMax = 64uz * 1024;
/// Largest request body that is passed on; exec and its like have none.
constexpr std::size_t kRequestBodyMax = 64uz * 1024;

std::unexpected<Error> unavailable(const Error& cause) {
  return fail(ErrorCode::kUnavailable,
              fmt::format("the node agent does not answer: {}", cause.message()));
}

/// Credentials, and what says where the message ends.
constexpr std::array kNotPassedOn = {"Authorization"sv, "Content-Length"sv, "Transfer-Encoding"sv,
                                     "Expect"sv};

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string request_text(const http::Request& request, const std::string& body) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  for (const auto& header : request.headers) {
    if (std::ranges::none_of(kNotPassedOn,
                             [&](std::string_view name) { return same_name(name, header.name); }))
      out += fmt::format("{}: {}\r\n", header.name, header.value);
  }
  if (!body.empty()) out += fmt::format("Content-Length: {}\r\n", body.size());
  return out + "\r\n" + body;
}

/// Until both directions have ended, or one side is gone altogether.
Task<> pump_both(net::Stream& a, net::Stream& b) {
  TaskGroup group;
  group.spawn(pump(a, b));
  group.spawn(pump(b, a));
  co_await group.drained();
}

Task<Result<>> relay_body(http::Exchange& exchange,
                          net::Stream& node,
                          http::BodyFramer framer,
                          std::string bytes) {
  std::vector<char> buffer(kBufferBytes);
  while (!framer.done()) {
    for (std::string_view rest = bytes; !rest.empty() && !framer.done();) {
      const http::BodyFramer::Step step = framer.next(rest);
      if (framer.refusal() != http::Refusal::kNone)
        co_return fail(ErrorCode::kUpstream, "the node agent's answer is malformed");
      if (!step.data.empty()) INSULA_CO_TRY_VOID(co_await exchange.write(step.data));
      rest.remove_prefix(step.used);
    }
    if (framer.done()) break;
    INSULA_CO_TRY(const std::size_t read, co_await node.read(buffer));
    if (read == 0) break;
    bytes.assign(buffer.data(), read);
  }
  co_return co_await exchange.finish();
}

struct Answer {
  int status = 0;
  http::Headers headers;
  http::BodyFramer framer;
  std::string rest;  // bytes after the head
};

Task<Result<Answer>> read_head(net::Stream& node, std::string method) {
  std::string bytes;
  std::vector<char> buffer(kBufferBytes);
  const auto head = std::make_unique<http::ResponseHead>();
  std::size_t seen = 0;
  while (true) {
    INSULA_CO_TRY(const std::size_t read, co_await node.read(buffer));
    if (read == 0) co_return fail(ErrorCode::kUpstream, "the connection was closed");
    bytes.append(buffer.data(), read);
    const auto status = http::parse_response(bytes, seen, {}, *head);
    if (status == http::ParseStatus::kComplete) break;
    if (status == http::ParseStatus::kRefused || bytes.size() > kHeadBytesMax)
      co_return fail(ErrorCode::kUpstream, "the answer is malformed");
    seen = bytes.size();
  }
  Answer answer;
  answer.status = head->status;
  const bool upgraded = head->status == 101;
  for (const http::Field& field : head->fields()) {
    const bool keep =
        upgraded
            ? field.id != http::FieldId::kConnection && field.id != http::FieldId::kUpgrade
            : !http::is_hop_by_hop(*head, field) && field.id != http::FieldId::kContentLength &&
                  field.id != http::FieldId::kDate;
    if (keep || (upgraded && field.id == http::FieldId::kUpgrade))
      answer.headers.add(field.name, field.value);
  }
  answer.framer = http::BodyFramer::of(*head, method);
  answer.rest = bytes.substr(head->size);
  co_return answer;
}

Task<Result<>> relay_answer(http::Exchange& exchange,
                            net::Stream& node,
                            Answer answer,
                            const OnAnswer& on_answer) {
  on_answer(answer.status, answer.headers);
  if (answer.status == 101) {
    INSULA_CO_TRY(const std::unique_ptr<net::Stream> client,
                  co_await exchange.upgrade(std::move(answer.headers)));
    if (!answer.rest.empty()) INSULA_CO_TRY_VOID(co_await client->write(answer.rest));
    co_await pump_both(*client, node);
    co_return Result<>{};
  }
  INSULA_CO_TRY_VOID(co_await exchange.start(answer.status, std::move(answer.headers)));
  auto relayed = co_await race(relay_body(exchange, node, answer.framer, std::move(answer.rest)),
                               exchange.client_gone());
  if (relayed.index() == 0) co_return std::get<0>(std::move(relayed));
  co_return fail(ErrorCode::kUpstream, "the client is gone");
}

}  // namespace

Task<Result<>> relay_to_node(http::Exchange& exchange,
                             const net::Address& node,
                             OnAnswer on_answer) {
  INSULA_CO_TRY(const std::string body, co_await exchange.body(kRequestBodyMax));
  auto dialed = co_await net::dial(node, Loop::current().now() + kConnectTimeout);
  if (!dialed) co_return unavailable(dialed.error());
  const std::unique_ptr<net::Stream> stream = *std::move(dialed);
  const std::string text = request_text(exchange.request(), body);
  if (const auto sent = co_await stream->write(text); !sent) co_return unavailable(sent.error());
  auto answer = co_await read_head(*stream, exchange.request().method);
  if (!answer) co_return unavailable(answer.error());
  co_return co_await relay_answer(exchange, *stream, *std::move(answer), on_answer);
}

}  // namespace insula::apiserver

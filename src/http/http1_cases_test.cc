// What two readers of HTTP/1 could understand differently: see testing/http1_cases.h.

#include "http/testing/http1_cases.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "async/loop.h"
#include "http/server.h"
#include "net/stream.h"

namespace insula::http {

void PrintTo(const Http1Reading& reading, std::ostream* out) {
  for (const std::string& request : reading.requests)
    *out << "[" << request << "] ";
  *out << "refused: " << describe(reading.refusal);
}

namespace {

Http1Reading expected_of(const Http1Case& c) {
  return {.requests = c.requests, .refusal = c.refusal};
}

TEST(Http1Cases, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Http1Case& c : http1_cases())
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
}

TEST(Http1Cases, AreReadInOneWayWhereverTheyAreCut) {
  for (const Http1Case& c : http1_cases()) {
    SCOPED_TRACE(c.name);
    const std::string_view bytes = c.bytes;
    const Http1Reading expected = expected_of(c);
    EXPECT_EQ(read_http1({bytes}), expected);
    std::vector<std::string_view> single;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      single.push_back(bytes.substr(at, 1));
      ASSERT_EQ(read_http1({bytes.substr(0, at), bytes.substr(at)}), expected) << "cut at " << at;
    }
    EXPECT_EQ(read_http1(single), expected);
  }
}

/// Notes the requests that it got whole.
class Notes final : public Handler {
 public:
  Task<> handle(Exchange& exchange) override {
    auto body = co_await exchange.body(10'000);
    const Request& request = exchange.request();
    if (body) requests.push_back(request.method + " " + request.target + "|" + *body);
    const int status = body ? 200 : http_status(body.error().code());
    Response response = make_response(status, "text/plain", "");
    static_cast<void>(co_await exchange.respond(std::move(response)));
  }

  std::vector<std::string> requests;
};

/// Sends the pieces, closes, and returns the status of the last answer.
Task<int> converse(Server& server, std::vector<std::string_view> pieces) {
  auto pair = net::stream_pair(Loop::current());
  auto& [client, accepted] = *pair;
  server.serve(std::move(accepted));
  for (const std::string_view piece : pieces) {
    static_cast<void>(co_await client->write(piece));
    co_await yield();
  }
  client->shutdown_write();
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto got = co_await client->read(buffer);
    if (!got || *got == 0) break;
    text.append(buffer.data(), *got);
  }
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  const std::size_t last = text.rfind(kVersion);
  co_return last == text.npos ? 0 : std::stoi(text.substr(last + kVersion.size(), 3));
}

Task<> expect_answer(const Http1Case& c, std::vector<std::string_view> pieces) {
  Notes notes;
  Server server(notes, {});
  const int status = co_await converse(server, std::move(pieces));
  EXPECT_EQ(notes.requests, c.requests);
  EXPECT_EQ(status, c.refusal == Refusal::kNone ? 200 : status_of(c.refusal));
}

TEST(Http1Cases, AreAnsweredInOneWayWhereverTheyAreCut) {
  Loop loop;
  for (const Http1Case& c : http1_cases()) {
    SCOPED_TRACE(c.name);
    const std::string_view bytes = c.bytes;
    for (std::size_t at = 0; at < bytes.size() && !::testing::Test::HasFailure(); ++at) {
      SCOPED_TRACE(at);
      run_until_complete(loop, expect_answer(c, {bytes.substr(0, at), bytes.substr(at)}));
    }
  }
}

}  // namespace
}  // namespace insula::http

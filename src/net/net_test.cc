#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/resolve.h"
#include "net/stream.h"

namespace insula::net {
namespace {

using namespace std::chrono_literals;

Deadline soon() {
  return Loop::current().now() + 10s;
}

TEST(Address, ReadsAndWritesEveryForm) {
  for (const char* text : {"127.0.0.1:80", "[::1]:443", "unix:/run/x.sock"}) {
    EXPECT_EQ(Address::parse(text).value().text(), text);
  }
  EXPECT_EQ(Address::parse("localhost:6443").value().text(), "127.0.0.1:6443");
  EXPECT_EQ(Address::parse(":8080").value().text(), "0.0.0.0:8080");
}

TEST(Resolve, FindsTheAddressesOfANameWithThePortAskedFor) {
  Loop loop;
  BlockingPool pool(1);
  const auto look_up = [&](std::string host) {
    std::vector<std::string> texts;
    run_until_complete(
        loop, [](BlockingPool& on, std::string name, std::vector<std::string>& out) -> Task<> {
          const auto found = co_await resolve(on, std::move(name), 8443);
          if (!found) out.push_back(found.error().message());
          for (const Address& address : found.value_or(std::vector<Address>()))
            out.push_back(address.text());
        }(pool, std::move(host), texts));
    return texts;
  };
  EXPECT_EQ(look_up("192.0.2.1"), std::vector<std::string>{"192.0.2.1:8443"});
  EXPECT_EQ(look_up("2001:db8::1"), std::vector<std::string>{"[2001:db8::1]:8443"});
  EXPECT_EQ(look_up("localhost"), std::vector<std::string>{"127.0.0.1:8443"});
  // Not in the spelling that is known without asking.
  const auto local = look_up("LocalHost");
  EXPECT_NE(std::ranges::find_if(local,
                                 [](const std::string& text) {
                                   return text == "127.0.0.1:8443" || text == "[::1]:8443";
                                 }),
            local.end());
  const auto none = look_up(std::string(64, 'a') + ".example");
  ASSERT_EQ(none.size(), 1U);
  EXPECT_TRUE(none[0].starts_with("look up a")) << none[0];
}

TEST(Address, RefusesWhatItCannotReadAndSaysWhatWouldBeRight) {
  for (const char* text : {"", "80", "example.com:80", "1.2.3.4:99999", "1.2.3.4:", "unix:"}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address.has_value()) << text;
    EXPECT_EQ(address.error().code(), ErrorCode::kInvalid);
  }
}

TEST(Address, KnowsLoopback) {}

Task<Result<std::string>> read_to_end(Stream& stream) {
  std::string text;
  std::array<char, 1000> buffer{};
  for (;;) {
    INSULA_CO_TRY(const std::size_t n, co_await stream.read(buffer));
    if (n == 0) co_return text;
    text.append(buffer.data(), n);
  }
}

Task<> send_and_close(std::unique_ptr<Stream> stream, std::string text) {
  EXPECT_TRUE((co_await stream->write(text, "!")).has_value());
}

// Far more than a socket buffer, so that both sides have to wait for each other.
constexpr std::size_t kManyBytes = 4'000'000;

Task<> exchange_much(Listener& listener) {
  auto client = co_await dial(listener.address(), soon());
  auto server = co_await listener.accept();
  EXPECT_TRUE(client.has_value() && server.has_value());
  TaskGroup group;
  group.spawn(send_and_close(*std::move(client), std::string(kManyBytes, 'x')));
  auto text = co_await with_deadline(soon(), read_to_end(**server));
  EXPECT_EQ(text.value().size(), kManyBytes + 1);
  EXPECT_EQ(text.value().back(), '!');
  EXPECT_TRUE((*server)->hung_up());
}

TEST(Stream, CarriesMoreThanASocketBufferOverTcp) {
  Loop loop;
  auto listener = Listener::bind(loop, Address::parse("127.0.0.1:0").value());
  ASSERT_TRUE(listener.has_value());
  run_until_complete(loop, exchange_much(**listener));
}

Task<> dial_nobody(Address address, Result<>* outcome) {
  auto stream = co_await dial(address, soon());
  if (!stream) *outcome = std::unexpected(stream.error());
}

TEST(Stream, DialSaysWhoRefused) {
  Loop loop;
  Address address;
  {
    auto listener = Listener::bind(loop, Address::parse("127.0.0.1:0").value());
    address = (*listener)->address();
  }
  Result<> outcome;
  run_until_complete(loop, dial_nobody(address, &outcome));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kUpstream);
  EXPECT_EQ(outcome.error().retry(), Retry::kSafe);
  EXPECT_NE(outcome.error().message().find(address.text()), std::string::npos);
}

TEST(Stream, ADialWithoutADescriptorIsNotTheUpstreamsFault) {
  Loop loop;
  auto listener = Listener::bind(loop, Address::parse("127.0.0.1:0").value());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  Result<> outcome;
  run_until_complete(loop, dial_nobody((*listener)->address(), &outcome));
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kUnavailable);
}

Task<Result<int>> wait_for_hangup(Stream& stream) {
  co_await stream.hangup();
  co_return 1;
}

Task<> notice_hangup(Loop& loop) {
  auto pair = stream_pair(loop).value();
  EXPECT_TRUE((co_await pair[1]->write("unread")).has_value());
  EXPECT_FALSE(pair[0]->hung_up());
  pair[1].reset();
  EXPECT_TRUE((co_await with_deadline(soon(), wait_for_hangup(*pair[0]))).has_value());
  EXPECT_EQ((co_await read_to_end(*pair[0])).value(), "unread");
}

TEST(Stream, HangupIsSeenWhileBytesAreStillUnread) {
  Loop loop;
  run_until_complete(loop, notice_hangup(loop));
}

Task<Result<std::size_t>> read_some(Stream& stream) {
  std::array<char, 10> buffer{};
  co_return co_await stream.read(buffer);
}

Task<> cancel_a_read(Loop& loop) {
  auto pair = stream_pair(loop).value();
  const auto late = co_await with_deadline(loop.now(), read_some(*pair[0]));
  EXPECT_EQ(late.error().code(), ErrorCode::kTimeout);
  EXPECT_TRUE((co_await pair[1]->write("abc")).has_value());
  EXPECT_EQ((co_await with_deadline(soon(), read_some(*pair[0]))).value(), 3U);
}

TEST(Stream, ACancelledReadLosesNothing) {
  Loop loop;
  run_until_complete(loop, cancel_a_read(loop));
}

TEST(Listener, SaysThatAnAddressIsInUse) {
  Loop loop;
  auto first = Listener::bind(loop, Address::parse("127.0.0.1:0").value());
  auto second = Listener::bind(loop, (*first)->address());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(second.error().message(), (*first)->address().text() + " is in use by another process");
}

}  // namespace
}  // namespace insula::net

#include "net/stream.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "async/test_engine.h"
#include "net/address.h"
#include "net/listener.h"

namespace insula::net {
namespace {

using namespace std::chrono_literals;

Deadline soon() {
  return Loop::current().now() + 10s;
}

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

class StreamTest : public EngineTest {};

INSTANTIATE_TEST_SUITE_P(, StreamTest, io_engines(), engine_name);

TEST_P(StreamTest, CarriesMoreThanASocketBufferOverTcp) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  ASSERT_TRUE(listener.has_value());
  run_until_complete(loop(), exchange_much(**listener));
}

Task<> dial_nobody(Address address, Result<>* outcome) {
  auto stream = co_await dial(address, soon());
  if (!stream) *outcome = std::unexpected(stream.error());
}

TEST_P(StreamTest, DialSaysWhoRefused) {
  Address address;
  {
    auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
    address = (*listener)->address();
  }
  Result<> outcome;
  run_until_complete(loop(), dial_nobody(address, &outcome));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code(), ErrorCode::kUpstream);
  EXPECT_EQ(outcome.error().retry(), Retry::kSafe);
  EXPECT_NE(outcome.error().message().find(address.text()), std::string::npos);
}

TEST_P(StreamTest, ADialWithoutADescriptorIsNotTheUpstreamsFault) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  Result<> outcome;
  run_until_complete(loop(), dial_nobody((*listener)->address(), &outcome));
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

TEST_P(StreamTest, HangupIsSeenWhileBytesAreStillUnread) {
  run_until_complete(loop(), notice_hangup(loop()));
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

TEST_P(StreamTest, ACancelledReadLosesNothing) {
  run_until_complete(loop(), cancel_a_read(loop()));
}

Task<Result<>> write_pieces(Stream& stream, std::size_t pieces, std::size_t bytes) {
  for (std::size_t i = 0; i < pieces; ++i) {
    const std::string piece(bytes, static_cast<char>('a' + i % 26));
    INSULA_CO_TRY_VOID(co_await stream.write(piece));
  }
  co_return Result<>();
}

std::string pieces_text(std::size_t pieces, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < pieces; ++i)
    text.append(bytes, static_cast<char>('a' + i % 26));
  return text;
}

constexpr std::size_t kPieces = 3000;
constexpr std::size_t kPieceBytes = 700;

Task<> write_then_close(std::unique_ptr<Stream> stream) {
  EXPECT_TRUE((co_await write_pieces(*stream, kPieces, kPieceBytes)).has_value());
}

Task<> send_pieces(Loop& loop) {
  auto pair = stream_pair(loop).value();
  TaskGroup group;
  group.spawn(write_then_close(std::move(pair[0])));
  const auto text = co_await with_deadline(soon(), read_to_end(*pair[1]));
  EXPECT_TRUE(text.value() == pieces_text(kPieces, kPieceBytes));
}

TEST_P(StreamTest, KeepsTheOrderOfManySmallWrites) {
  run_until_complete(loop(), send_pieces(loop()));
}

void make_small(const Stream& stream) {
  const int bytes = 1;  // The kernel makes it the least it can do with.
  ::setsockopt(stream.fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  ::setsockopt(stream.fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Task<> close_with_output(Loop& loop) {
  auto pair = stream_pair(loop).value();
  make_small(*pair[0]);
  std::string taken;
  // More than the socket has room for, as much as is taken without waiting for the other side.
  for (int i = 0; i < 40; ++i) {
    const std::string piece(1000, static_cast<char>('a' + i % 26));
    const auto written = pair[0]->try_write(piece, {});
    if (!written) break;
    taken.append(piece, 0, written->value());
  }
  pair[0].reset();
  EXPECT_TRUE((co_await with_deadline(soon(), read_to_end(*pair[1]))).value() == taken);
}

TEST_P(StreamTest, WhatWasTakenArrivesThoughTheStreamIsGone) {
  run_until_complete(loop(), close_with_output(loop()));
}

Task<> end_one_side(Loop& loop) {
  auto pair = stream_pair(loop).value();
  EXPECT_TRUE((co_await pair[0]->write("first ", "and last")).has_value());
  pair[0]->shutdown_write();
  EXPECT_EQ((co_await with_deadline(soon(), read_to_end(*pair[1]))).value(), "first and last");
  EXPECT_TRUE((co_await pair[1]->write("answer")).has_value());
  pair[1].reset();
  EXPECT_EQ((co_await with_deadline(soon(), read_to_end(*pair[0]))).value(), "answer");
}

TEST_P(StreamTest, TheEndOfOneSideComesAfterItsBytes) {
  run_until_complete(loop(), end_one_side(loop()));
}

Task<> abort_one(Listener& listener) {
  auto client = co_await dial(listener.address(), soon());
  auto server = co_await listener.accept();
  EXPECT_TRUE((co_await (*server)->write("half")).has_value());
  std::array<char, 10> buffer{};
  EXPECT_EQ((co_await (*client)->read(buffer)).value(), 4U);
  (*server)->abort();
  server->reset();
  const auto end = co_await with_deadline(soon(), read_to_end(**client));
  EXPECT_EQ(end.error().code(), ErrorCode::kUpstream);
}

TEST_P(StreamTest, AnAbortedStreamEndsWithAReset) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  run_until_complete(loop(), abort_one(**listener));
}

int tcp_option(const Stream& stream, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(stream.fd(), level, name, &value, &size), 0);
  return value;
}

Task<> accept_one_that_is_asked_after(Listener& listener) {
  const auto client = co_await dial(listener.address(), soon());
  const auto server = co_await listener.accept();
  EXPECT_EQ(tcp_option(**server, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(tcp_option(**server, IPPROTO_TCP, TCP_KEEPIDLE), 180);
  EXPECT_EQ(tcp_option(**server, IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(tcp_option(**server, IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(tcp_option(**server, IPPROTO_TCP, TCP_USER_TIMEOUT), 210'000);
}

TEST_P(StreamTest, ClientsThatSayNothingAreAskedAfter) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  run_until_complete(loop(), accept_one_that_is_asked_after(**listener));
}

bool confirms_each_piece(const Stream& stream) {
  return tcp_option(stream, IPPROTO_TCP, TCP_QUICKACK) != 0;
}

Task<> expect_small_pieces_of(Listener& listener) {
  auto client = co_await dial(listener.address(), soon());
  auto server = co_await listener.accept();
  EXPECT_TRUE(confirms_each_piece(**client));
  (*client)->expect_small_pieces();
  EXPECT_FALSE(confirms_each_piece(**client));
}

TEST_P(StreamTest, SmallPiecesNeedNotEachBeConfirmed) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  run_until_complete(loop(), expect_small_pieces_of(**listener));
}

Task<Result<>> write_pieces(Stream& stream, int count) {
  const std::string piece(10'000, 'x');
  for (int i = 0; i < count; ++i)
    INSULA_CO_TRY_VOID(co_await stream.write(piece));
  co_return Result<>();
}

// More than a ring keeps, less than the socket takes: nothing else happens meanwhile.
Task<> write_more_than_is_kept(Loop& loop) {
  auto pair = stream_pair(loop).value();
  // What epoll has to say of new sockets would wake the loop.
  for (int turns = 0; turns < 3; ++turns)
    co_await yield();
  const Deadline limit = soon();
  EXPECT_TRUE((co_await with_deadline(limit, write_pieces(*pair[0], 12))).has_value());
  EXPECT_LT(loop.now(), limit) << "it was the deadline that woke it";
}

TEST_P(StreamTest, WhoHasFilledItsOutputWritesOnOnceThatIsSent) {
  run_until_complete(loop(), write_more_than_is_kept(loop()));
}

Task<> abort_after_writing(Listener& listener) {
  auto client = co_await dial(listener.address(), soon());
  auto server = co_await listener.accept();
  EXPECT_TRUE((*server)->try_write("half", {}).has_value());
  (*server)->abort();
  server->reset();
  std::array<char, 10> buffer{};
  EXPECT_EQ((co_await (*client)->read(buffer)).value(), 4U);
}

TEST_P(StreamTest, WhatWasWrittenJustBeforeAnAbortIsNotHeldBack) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  run_until_complete(loop(), abort_after_writing(**listener));
}

Task<> shut_down_after_writing(Loop& loop) {
  auto pair = stream_pair(loop).value();
  EXPECT_TRUE(pair[0]->try_write("goodbye", {}).has_value());
  pair[0]->shutdown();
  EXPECT_EQ((co_await with_deadline(soon(), read_to_end(*pair[1]))).value(), "goodbye");
  EXPECT_EQ((co_await with_deadline(soon(), read_to_end(*pair[0]))).value(), "");
}

TEST_P(StreamTest, AShutdownComesAfterWhatWasWritten) {
  run_until_complete(loop(), shut_down_after_writing(loop()));
}

Task<> write_to_nobody(Loop& loop) {
  auto pair = stream_pair(loop).value();
  pair[1].reset();
  const auto written = co_await with_deadline(soon(), write_pieces(*pair[0], 1000, 1000));
  EXPECT_EQ(written.error().code(), ErrorCode::kUpstream);
}

TEST_P(StreamTest, WritingToNobodyFails) {
  run_until_complete(loop(), write_to_nobody(loop()));
}

Task<> look_first(Loop& loop) {
  auto pair = stream_pair(loop).value();
  std::array<char, 3> buffer{};
  EXPECT_FALSE(pair[0]->try_peek(buffer).has_value());
  EXPECT_FALSE(pair[0]->has_unread());
  EXPECT_TRUE((co_await pair[1]->write("abcdef")).has_value());
  const auto look = [&] { return pair[0]->try_peek(buffer); };
  EXPECT_EQ((co_await pair[0]->read_with(look)).value(), 3U);
  EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
  EXPECT_TRUE(pair[0]->has_unread());
  std::array<char, 10> all{};
  EXPECT_EQ((co_await pair[0]->read(all)).value(), 6U);
  pair[1].reset();
  EXPECT_EQ((co_await pair[0]->read_with(look)).value(), 0U);
}

TEST_P(StreamTest, ALookTakesNothing) {
  run_until_complete(loop(), look_first(loop()));
}

Task<> look_for_more(Loop& loop) {
  auto pair = stream_pair(loop).value();
  EXPECT_TRUE((co_await pair[1]->write("abc")).has_value());
  std::array<char, 6> buffer{};
  int looks = 0;
  const auto whole = [&]() -> std::optional<std::monostate> {
    const auto seen = pair[0]->try_peek(buffer);
    // The rest is sent when the first part has been seen.
    if (seen && **seen == 3 && looks++ == 0) EXPECT_TRUE(pair[1]->try_write("def", {}).has_value());
    return seen && **seen == 6 ? std::optional<std::monostate>(std::in_place) : std::nullopt;
  };
  const auto wait = [](Stream& stream, auto attempt) -> Task<Result<int>> {
    co_await stream.read_with(attempt);
    co_return 0;
  };
  EXPECT_TRUE((co_await with_deadline(soon(), wait(*pair[0], whole))).has_value());
  EXPECT_EQ((co_await pair[0]->read(buffer)).value(), 6U);
  EXPECT_EQ(std::string_view(buffer.data(), 6), "abcdef");
}

TEST_P(StreamTest, WhoHasSeenTooLittleIsWokenForMore) {
  run_until_complete(loop(), look_for_more(loop()));
}

Task<> write_much_and_little(Loop& loop) {
  auto pair = stream_pair(loop).value();
  const std::string much(100'000, 'm');
  std::string sent;
  TaskGroup group;
  std::string got;
  group.spawn([](Stream& stream, std::string& out) -> Task<> {
    out = (co_await read_to_end(stream)).value();
  }(*pair[1], got));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE((co_await pair[0]->write("little", much)).has_value());
    EXPECT_TRUE((co_await pair[0]->write("few")).has_value());
    sent += "little" + much + "few";
  }
  pair[0].reset();
  co_await group.drained();
  EXPECT_TRUE(got == sent);
}

TEST_P(StreamTest, LargeAndSmallWritesKeepTheirOrder) {
  run_until_complete(loop(), write_much_and_little(loop()));
}

}  // namespace
}  // namespace insula::net

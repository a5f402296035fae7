#include "async/ring.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "async/loop.h"
#include "async/ring_socket.h"
#include "base/error.h"
#include "base/fd.h"
#include "testing/fake_clock.h"

namespace insula {
namespace {

using namespace std::chrono_literals;

TEST(IoEngine, HasThreeNames) {
  EXPECT_EQ(parse_io_engine("auto").value(), IoEngine::kAuto);
  EXPECT_EQ(parse_io_engine("epoll").value(), IoEngine::kEpoll);
  EXPECT_EQ(parse_io_engine("io_uring").value(), IoEngine::kIoUring);
  const auto unknown = parse_io_engine("select");
  EXPECT_EQ(unknown.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(unknown.error().message(),
            "there is no I/O engine \"select\"; use auto, epoll or io_uring");
}

/// Lets the process open as many more descriptors as a loop without a ring needs.
class TwoDescriptors {
 public:
  TwoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const Fd first(::dup(0));
    const Fd second(::dup(0));
    const rlimit little{.rlim_cur = static_cast<rlim_t>(std::max(first.get(), second.get())) + 1,
                        .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &little);
  }

  TwoDescriptors(const TwoDescriptors&) = delete;
  TwoDescriptors& operator=(const TwoDescriptors&) = delete;

  ~TwoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(IoEngine, AutoIsEpollWhereThereIsNoRing) {
  // UBSan needs a descriptor when it looks at a class for the first time.
  static_cast<void>(fail_errno("nothing", EPERM));
  static_cast<void>(system_clock().now());
  const TwoDescriptors limit;
  EXPECT_EQ(Loop::make(system_clock(), IoEngine::kAuto).value()->ring(), nullptr);
  const auto asked = Loop::make(system_clock(), IoEngine::kIoUring);
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().code(), ErrorCode::kUnavailable);
  EXPECT_TRUE(asked.error().message().starts_with("io_uring_setup: ")) << asked.error().message();
}

/// A peer that takes nothing of what a socket had when it was released.
Task<> linger(Loop& loop, testing::FakeClock& clock, std::size_t& arrived) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  const Fd peer(fds[1]);
  const int least = 1;
  ::setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  {
    FdWatch watch(loop, fds[0], FdEvents::kOutputAndEnd);
    RingSocket* socket = loop.ring()->open(watch, fds[0]);
    const std::string text(10'000, 'x');
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(socket->send(text, {}), 10'000);
    socket->release(false);
  }
  co_await yield();
  clock.advance(RingSocket::kLingerTime - 1s);
  co_await yield();
  std::array<char, 1000> buffer{};
  EXPECT_GT(::recv(peer.get(), buffer.data(), 1, 0), 0);
  clock.advance(1s);
  for (int i = 0; i < 3; ++i)
    co_await yield();
  arrived = 1;
  ssize_t n = 0;
  while ((n = ::recv(peer.get(), buffer.data(), buffer.size(), 0)) > 0)
    arrived += static_cast<std::size_t>(n);
  EXPECT_EQ(n, 0) << "the connection has ended";
}

TEST(RingSocket, GivesUpOnAPeerThatTakesNothing) {
  testing::FakeClock clock;
  auto loop = Loop::make(clock, IoEngine::kIoUring);
  if (!loop) GTEST_SKIP() << loop.error().message();
  std::size_t arrived = 0;
  run_until_complete(**loop, linger(**loop, clock, arrived));
  EXPECT_GT(arrived, 0U);
  EXPECT_LT(arrived, 30'000U);
}

/// Both ends of a TCP connection over loopback, the first with little room for output and the
/// second with little for input. A cancelled send of TCP may say how much it had sent before.
std::array<int, 2> narrow_connection() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const int peer = ::socket(AF_INET, SOCK_STREAM, 0);
  const int input_bytes = 4'096;
  ::setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &input_bytes, sizeof input_bytes);
  EXPECT_EQ(::connect(peer, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int ours = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK);
  const int output_bytes = 20'000;
  ::setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &output_bytes, sizeof output_bytes);
  return {ours, peer};
}

/// Of more than the kernel takes, 64 KiB wait and no more; dropped, they end with the socket.
Task<> drop(Loop& loop) {
  const std::array<int, 2> fds = narrow_connection();
  const Fd peer(fds[1]);
  FdWatch watch(loop, fds[0], FdEvents::kOutputAndEnd);
  RingSocket* socket = loop.ring()->open(watch, fds[0]);
  const std::string text(16'000, 'x');
  std::size_t taken = 0;
  for (int turn = 0; turn < 6; ++turn) {
    if (turn % 3 == 0) {
      for (ssize_t n = 0; (n = socket->send(text, {})) > 0;)
        taken += static_cast<std::size_t>(n);
    }
    if (turn == 0) EXPECT_EQ(taken, 64'000U);
    co_await yield();
  }
  // And what the kernel has room for.
  EXPECT_LE(taken, std::size_t{64 + 48} << 10U);
  const ::linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  socket->release(true);
  for (int i = 0; i < 3; ++i)
    co_await yield();
  std::size_t arrived = 0;
  std::array<char, 1000> buffer{};
  ssize_t n = 0;
  while ((n = ::recv(peer.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0)
    arrived += static_cast<std::size_t>(n);
  EXPECT_EQ(n, -1);
  EXPECT_EQ(errno, ECONNRESET) << "what is dropped goes at once";
  EXPECT_GT(taken, arrived);
}

TEST(RingSocket, KeepsLittleAndNothingOfWhatIsDropped) {
  auto loop = Loop::make(system_clock(), IoEngine::kIoUring);
  if (!loop) GTEST_SKIP() << loop.error().message();
  run_until_complete(**loop, drop(**loop));
}

/// Four connections, all written to in one turn of the loop.
class FourConnections {
 public:
  explicit FourConnections(Loop& loop) {
    for (End& end : ends_) {
      std::array<int, 2> fds{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
      end.watch = std::make_unique<FdWatch>(loop, fds[0], FdEvents::kOutputAndEnd);
      end.socket = loop.ring()->open(*end.watch, fds[0]);
      end.peer = Fd(fds[1]);
    }
  }

  FourConnections(const FourConnections&) = delete;
  FourConnections& operator=(const FourConnections&) = delete;

  ~FourConnections() {
    for (const End& end : ends_)
      end.socket->release(false);
  }

  void write(std::size_t connections = 4) {
    for (std::size_t i = 0; i < connections; ++i)
      EXPECT_EQ(ends_[i].socket->send("x", {}), 1);
  }

  /// How many bytes have come since the last time.
  [[nodiscard]] std::size_t arrived() const {
    std::size_t bytes = 0;
    std::array<char, 100> buffer{};
    for (const End& end : ends_) {
      const ssize_t n = ::recv(end.peer.get(), buffer.data(), buffer.size(), 0);
      if (n > 0) bytes += static_cast<std::size_t>(n);
    }
    return bytes;
  }

 private:
  struct End {
    std::unique_ptr<FdWatch> watch;
    RingSocket* socket = nullptr;
    Fd peer;
  };

  std::array<End, 4> ends_;
};

Task<> write_under_loads(Loop& loop, testing::FakeClock& clock) {
  FourConnections connections(loop);
  co_await yield();
  connections.write(3);
  EXPECT_EQ(connections.arrived(), 0U) << "few wait for the end of the turn";
  co_await yield();
  EXPECT_EQ(connections.arrived(), 3U);
  connections.write();
  EXPECT_EQ(connections.arrived(), 4U) << "four do not, while there is little to do";
  for (int turn = 0; turn < 600; ++turn) {
    co_await yield();
    connections.write();
    EXPECT_EQ(connections.arrived(), 4U);
  }
  clock.advance(50ms);
  co_await yield();
  connections.write();
  EXPECT_EQ(connections.arrived(), 0U) << "under load they are handed over together";
  co_await yield();
  EXPECT_EQ(connections.arrived(), 4U);
  clock.advance(50ms);
  co_await yield();
  connections.write();
  EXPECT_EQ(connections.arrived(), 4U) << "that is over";
}

TEST(RingSocket, HandsOverEarlyWhileThereIsLittleToDo) {
  testing::FakeClock clock;
  auto loop = Loop::make(clock, IoEngine::kIoUring);
  if (!loop) GTEST_SKIP() << loop.error().message();
  run_until_complete(**loop, write_under_loads(**loop, clock));
}

/// Writes into a socket and releases it; no turn of the loop comes after that.
TEST(RingSocket, WhatWasWrittenLastIsNotLostWithTheLoop) {
  auto loop = Loop::make(system_clock(), IoEngine::kIoUring);
  if (!loop) GTEST_SKIP() << loop.error().message();
  std::array<int, 2> fds{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
  const Fd peer(fds[1]);
  {
    FdWatch watch(**loop, fds[0], FdEvents::kOutputAndEnd);
    RingSocket* socket = (*loop)->ring()->open(watch, fds[0]);
    EXPECT_EQ(socket->send("good", "bye"), 7);
    socket->release(false);
  }
  loop->reset();
  std::array<char, 10> buffer{};
  EXPECT_EQ(::recv(peer.get(), buffer.data(), buffer.size(), 0), 7);
  EXPECT_EQ(::recv(peer.get(), buffer.data(), buffer.size(), 0), 0);
}

}  // namespace
}  // namespace insula

#include "redis/client.h"

#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/loop.h"
#include "async/task_group.h"
#include "net/listener.h"
#include "net/stream.h"
#include "testing/temp_dir.h"

namespace insula::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A server that answers what it was told to, command by command, and closes when it has nothing
/// more to say. Each command must arrive as it is expected.
class ScriptedServer {
 public:
  struct Step {
    std::vector<std::string> command;
    std::string answer;  // empty: the connection is closed instead
  };

  explicit ScriptedServer(Loop& loop)
      : listener_(*net::Listener::bind(loop, *net::Address::parse("127.0.0.1:0"))) {
    tasks_.spawn(serve());
  }

  void expect(std::vector<Step> steps) {
    for (Step& step : steps)
      steps_.push_back(std::move(step));
  }

  [[nodiscard]] ClientOptions options() const {
    return {.endpoint = {.host = "127.0.0.1", .port = listener_->address().port()}};
  }

  [[nodiscard]] int connections() const { return connections_; }

  [[nodiscard]] const std::vector<std::string>& surprises() const { return surprises_; }

 private:
  Task<> serve() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      ++connections_;
      co_await talk(**stream);
    }
  }

  Task<> talk(net::Stream& stream) {
    std::string received;
    while (next_ < steps_.size()) {
      const Step& step = steps_[next_];
      const std::string wanted = command_bytes(step.command);
      while (received.size() < wanted.size()) {
        std::array<char, 4096> buffer{};
        const auto got = co_await stream.read(buffer);
        if (!got || *got == 0) co_return;
        received.append(buffer.data(), *got);
      }
      if (received != wanted) surprises_.push_back(received);
      received.clear();
      ++next_;
      if (step.answer.empty()) co_return;
      // In two pieces, as a network may bring it.
      const std::string_view answer = step.answer;
      static_cast<void>(co_await stream.write(answer.substr(0, 1)));
      co_await yield();
      static_cast<void>(co_await stream.write(answer.substr(1)));
    }
    co_await stream.hangup();
  }

  std::unique_ptr<net::Listener> listener_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
  int connections_ = 0;
  std::vector<std::string> surprises_;
  TaskGroup tasks_;
};

class RedisClient : public ::testing::Test {
 protected:
  void run(std::function<Task<>()> body) { run_until_complete(loop_, body()); }

  void TearDown() override { EXPECT_THAT(server_.surprises(), ElementsAre()); }

  Loop loop_;
  ScriptedServer server_{loop_};
  insula::testing::TempDir dir_;
};

TEST_F(RedisClient, SendsCommandsOverOneConnectionAndReturnsAnswers) {
  server_.expect({{{"SET", "a\r\nb", ""}, "+OK\r\n"}, {{"GET", "x"}, "$1\r\ny\r\n"}});
  run([&]() -> Task<> {
    Client client(server_.options());
    std::vector<std::string> set = {"SET", "a\r\nb", ""};
    EXPECT_EQ((co_await client.call(std::move(set)))->text, "OK");
    std::vector<std::string> get = {"GET", "x"};
    EXPECT_EQ((co_await client.call(std::move(get)))->text, "y");
    EXPECT_EQ(client.connections(), 1U);
  });
}

TEST_F(RedisClient, ReturnsWhatTheServerObjectsToAndKeepsTheConnection) {
  server_.expect({{{"BAD"}, "-ERR unknown command\r\n"}, {{"PING"}, "+PONG\r\n"}});
  run([&]() -> Task<> {
    Client client(server_.options());
    std::vector<std::string> bad = {"BAD"};
    const auto answer = co_await client.call(std::move(bad));
    EXPECT_EQ(answer.error().message(), "ERR unknown command");
    std::vector<std::string> ping = {"PING"};
    EXPECT_TRUE(co_await client.call(std::move(ping)));
    EXPECT_EQ(client.connections(), 1U);
  });
}

TEST_F(RedisClient, RunsAScriptByItsHashAndBySourceWhereItIsNotKnown) {
  // The SHA-1 of "return 1", as redis-cli SCRIPT LOAD says it.
  const std::string hash = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
  server_.expect({{{"EVALSHA", hash, "1", "key"}, "-NOSCRIPT No matching script.\r\n"},
                  {{"EVAL", "return 1", "1", "key"}, ":1\r\n"},
                  {{"EVALSHA", hash, "1", "key"}, ":1\r\n"}});
  run([&]() -> Task<> {
    Client client(server_.options());
    for (int i = 0; i < 2; ++i) {
      std::vector<std::string> arguments = {"1", "key"};
      EXPECT_EQ((co_await client.run_script("return 1", std::move(arguments)))->integer, 1);
    }
  });
}

TEST_F(RedisClient, SaysWhoItIsAndPicksItsDatabase) {
  std::ofstream(dir_ / "password") << "se cret\n";
  server_.expect({{{"AUTH", "limits", "se cret"}, "+OK\r\n"},
                  {{"SELECT", "3"}, "+OK\r\n"},
                  {{"PING"}, "+PONG\r\n"}});
  run([&]() -> Task<> {
    ClientOptions options = server_.options();
    options.endpoint.user = "limits";
    options.endpoint.database = 3;
    options.password_file = dir_ / "password";
    Client client(std::move(options));
    std::vector<std::string> ping = {"PING"};
    EXPECT_TRUE(co_await client.call(std::move(ping)));
  });
}

TEST_F(RedisClient, ReadsThePasswordAnewForEachConnection) {
  std::ofstream(dir_ / "password") << "old";
  server_.expect({{{"AUTH", "old"}, "-WRONGPASS invalid username-password pair\r\n"},
                  {{"AUTH", "new"}, "+OK\r\n"},
                  {{"PING"}, "+PONG\r\n"}});
  run([&]() -> Task<> {
    ClientOptions options = server_.options();
    options.password_file = dir_ / "password";
    Client client(std::move(options));
    std::vector<std::string> ping = {"PING"};
    const auto refused = co_await client.call(ping);
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnauthenticated);
    EXPECT_THAT(refused.error().message(), HasSubstr("WRONGPASS"));
    std::ofstream(dir_ / "password") << "new";
    EXPECT_TRUE(co_await client.call(ping));
  });
}

TEST_F(RedisClient, OpensAnotherConnectionAfterOneWasLostAndSendsNothingTwice) {
  server_.expect({{{"INCR", "n"}, ""}, {{"PING"}, "+PONG\r\n"}});
  run([&]() -> Task<> {
    Client client(server_.options());
    std::vector<std::string> incr = {"INCR", "n"};
    EXPECT_EQ((co_await client.call(std::move(incr))).error().code(), ErrorCode::kUpstream);
    std::vector<std::string> ping = {"PING"};
    EXPECT_TRUE(co_await client.call(std::move(ping)));
    EXPECT_EQ(server_.connections(), 2);
  });
}

TEST_F(RedisClient, GivesUpOnAServerThatDoesNotAnswer) {
  // The server expects more bytes than come, and waits.
  server_.expect({{{"A-COMMAND-THAT-IS-LONGER-THAN-WHAT-COMES"}, "+OK\r\n"}});
  run([&]() -> Task<> {
    ClientOptions options = server_.options();
    options.reply_timeout = std::chrono::milliseconds(5);
    Client client(std::move(options));
    std::vector<std::string> ping = {"PING"};
    const auto answer = co_await client.call(std::move(ping));
    EXPECT_EQ(answer.error().code(), ErrorCode::kTimeout);
  });
}

TEST_F(RedisClient, DoesNotListenToAnAnswerWithoutEnd) {
  server_.expect({{{"PING"}, "$9\r\n012345678\r\n"}});
  run([&]() -> Task<> {
    ClientOptions options = server_.options();
    options.replies.bytes = 8;
    Client client(std::move(options));
    std::vector<std::string> ping = {"PING"};
    EXPECT_THAT((co_await client.call(std::move(ping))).error().message(), HasSubstr("too long"));
  });
}

TEST_F(RedisClient, SaysWhyThereIsNoConnection) {
  run([&]() -> Task<> {
    Client client({.endpoint = {.path = dir_ / "none.sock"}});
    std::vector<std::string> ping = {"PING"};
    EXPECT_THAT((co_await client.call(std::move(ping))).error().message(), HasSubstr("none.sock"));
  });
}

}  // namespace
}  // namespace insula::redis

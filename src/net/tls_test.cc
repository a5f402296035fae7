#include "net/tls.h"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "async/task_group.h"
#include "async/test_engine.h"
#include "net/listener.h"
#include "testing/certificate.h"

namespace insula::net {
namespace {

using namespace std::chrono_literals;

testing::Certificate certificate_of(const char* common_name, const char* organization) {
  return testing::make_certificate({.common_name = common_name,
                                    .organization = organization,
                                    .alternative_name = "IP:127.0.0.1,DNS:insula.test"});
}

class TlsTest : public EngineTest {
 protected:
  [[nodiscard]] std::shared_ptr<TlsContext> server() const {
    return TlsContext::server({.certificate_chain = server_pem_.pem,
                               .private_key = server_pem_.key,
                               .client_ca = client_pem_.pem,
                               .alpn = {"http/1.1"}})
        .value();
  }

  [[nodiscard]] std::shared_ptr<TlsContext> client(bool with_certificate) const {
    TlsClientOptions options{.ca = server_pem_.pem, .alpn = {"h2", "http/1.1"}};
    if (with_certificate) {
      options.certificate_chain = client_pem_.pem;
      options.private_key = client_pem_.key;
    }
    return TlsContext::client(options).value();
  }

  testing::Certificate server_pem_ = certificate_of("server", "insula");
  testing::Certificate client_pem_ = certificate_of("system:node:n1", "system:nodes");
};

Task<> answer(std::shared_ptr<TlsContext> context,
              std::unique_ptr<Stream> stream,
              TlsPeer* peer,
              TlsChooser* chooser) {
  auto secured = co_await tls_accept(std::move(context), std::move(stream),
                                     Loop::current().now() + 10s, chooser);
  if (!secured) co_return;
  *peer = *(*secured)->tls();
  std::array<char, 100> buffer{};
  auto n = co_await (*secured)->read(buffer);
  if (!n) co_return;
  EXPECT_TRUE(
      (co_await (*secured)->write("you said ", std::string_view(buffer.data(), *n))).has_value());
}

Task<Result<std::string>> ask(std::shared_ptr<TlsContext> context,
                              std::unique_ptr<Stream> stream,
                              std::string name) {
  INSULA_CO_TRY(auto secured, co_await tls_connect(std::move(context), std::move(stream),
                                                   std::move(name), Loop::current().now() + 10s));
  EXPECT_EQ(secured->alpn(), "http/1.1");
  INSULA_CO_TRY_VOID(co_await secured->write("hello"));
  std::string reply;
  std::array<char, 100> buffer{};
  for (;;) {
    INSULA_CO_TRY(const std::size_t n, co_await secured->read(buffer));
    if (n == 0) co_return reply;
    reply.append(buffer.data(), n);
  }
}

struct Talk {
  std::shared_ptr<TlsContext> server;
  std::shared_ptr<TlsContext> client;
  std::string name;
  TlsPeer peer;
  Result<std::string> reply;
  TlsChooser* chooser = nullptr;
};

Task<> converse(Talk& talk) {
  auto pair = stream_pair(Loop::current()).value();
  TaskGroup group;
  group.spawn(answer(talk.server, std::move(pair[0]), &talk.peer, talk.chooser));
  talk.reply = co_await ask(talk.client, std::move(pair[1]), talk.name);
}

INSTANTIATE_TEST_SUITE_P(, TlsTest, io_engines(), engine_name);

TEST_P(TlsTest, CarriesBytesAndTheClientsVerifiedIdentity) {
  Talk talk{server(), client(true), "127.0.0.1", {}, {}};
  run_until_complete(loop(), converse(talk));
  EXPECT_EQ(talk.reply.value(), "you said hello");
  EXPECT_EQ(talk.peer.common_name, "system:node:n1");
  EXPECT_EQ(talk.peer.organizations, std::vector<std::string>{"system:nodes"});
  EXPECT_THAT(talk.peer.fingerprint, ::testing::MatchesRegex("[0-9a-f]{64}"));
}

TEST_P(TlsTest, AClientWithoutACertificateHasNoIdentity) {
  Talk talk{server(), client(false), "insula.test", {}, {}};
  run_until_complete(loop(), converse(talk));
  EXPECT_EQ(talk.reply.value(), "you said hello");
  EXPECT_EQ(talk.peer, TlsPeer{});
}

/// A conversation in which `resumption` takes part.
Task<> converse_again(std::shared_ptr<TlsContext> server,
                      std::shared_ptr<TlsContext> client,
                      std::shared_ptr<TlsResumption> resumption) {
  auto pair = stream_pair(Loop::current()).value();
  TlsPeer peer;
  TaskGroup group;
  group.spawn(answer(std::move(server), std::move(pair[0]), &peer, nullptr));
  auto secured = co_await tls_connect(std::move(client), std::move(pair[1]), "insula.test",
                                      Loop::current().now() + 10s, std::move(resumption));
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  EXPECT_TRUE((co_await (*secured)->write("hello")).has_value());
  std::array<char, 100> buffer{};
  EXPECT_TRUE((co_await (*secured)->read(buffer)).has_value());
}

TEST_P(TlsTest, ASecondConnectionTakesUpTheSessionOfTheFirst) {
  const auto one = server();
  const auto other = client(false);
  const auto resumption = std::make_shared<TlsResumption>();
  run_until_complete(loop(), converse_again(one, other, resumption));
  EXPECT_FALSE(resumption->resumed());
  run_until_complete(loop(), converse_again(one, other, resumption));
  EXPECT_TRUE(resumption->resumed());
  // Another server cannot read it: hands are shaken in full.
  run_until_complete(loop(), converse_again(server(), other, resumption));
  EXPECT_FALSE(resumption->resumed());
}

constexpr std::size_t kManyBytes = 4'000'000;

/// To a socket that holds fewer bytes than TCP sends at a time.
Task<> send_many(std::shared_ptr<TlsContext> context, Listener& listener) {
  auto plain = co_await listener.accept();
  auto secured = co_await tls_accept(std::move(context), *std::move(plain),
                                     Loop::current().now() + 10s, nullptr);
  EXPECT_TRUE(secured.has_value());
  if (!secured) co_return;
  const int bytes = 20'000;
  ::setsockopt((*secured)->fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  EXPECT_TRUE((co_await (*secured)->write("head", std::string(kManyBytes, 'x'))).has_value());
}

Task<Result<std::size_t>> receive_all(std::shared_ptr<TlsContext> context, Address address) {
  INSULA_CO_TRY(auto plain, co_await dial(address, Loop::current().now() + 10s));
  INSULA_CO_TRY(auto secured, co_await tls_connect(std::move(context), std::move(plain),
                                                   "insula.test", Loop::current().now() + 10s));
  std::vector<char> buffer(64uz * 1024);
  for (std::size_t all = 0;;) {
    INSULA_CO_TRY(const std::size_t n, co_await secured->read(buffer));
    if (n == 0) co_return all;
    all += n;
  }
}

Task<> send_and_receive(std::shared_ptr<TlsContext> from,
                        std::shared_ptr<TlsContext> to,
                        Listener& listener) {
  TaskGroup group;
  group.spawn(send_many(std::move(from), listener));
  const auto received =
      co_await with_deadline(Loop::current().now() + 10s, receive_all(to, listener.address()));
  EXPECT_EQ(received.value_or(0), kManyBytes + 4);
}

TEST_P(TlsTest, CarriesMoreThanTheSocketHolds) {
  auto listener = Listener::bind(loop(), Address::parse("127.0.0.1:0").value());
  ASSERT_TRUE(listener.has_value());
  run_until_complete(loop(), send_and_receive(server(), client(false), **listener));
}

/// Has a context for one name.
class OneName final : public TlsChooser {
 public:
  OneName(std::string name, std::shared_ptr<TlsContext> context)
      : name_(std::move(name)), context_(std::move(context)) {}

  std::shared_ptr<TlsContext> choose(std::string_view server_name) override {
    // Handed out once: whoever is given it must keep it.
    return server_name == name_ ? std::move(context_) : nullptr;
  }

 private:
  std::string name_;
  std::shared_ptr<TlsContext> context_;
};

TEST_P(TlsTest, ANameMayHaveACertificateOfItsOwn) {
  const testing::Certificate other =
      testing::make_certificate({.common_name = "other", .alternative_name = "DNS:other.test"});
  const auto trusting = [](const testing::Certificate& one) {
    return TlsContext::client({.ca = one.pem, .alpn = {"http/1.1"}}).value();
  };
  const auto chooser = [&] {
    return OneName("other.test", TlsContext::server({.certificate_chain = other.pem,
                                                     .private_key = other.key,
                                                     .alpn = {"http/1.1"}})
                                     .value());
  };
  OneName named = chooser();
  Talk talk{server(), trusting(other), "other.test", {}, {}, &named};
  run_until_complete(loop(), converse(talk));
  EXPECT_EQ(talk.reply.value(), "you said hello");

  OneName unused = chooser();
  Talk default_one{server(), trusting(server_pem_), "insula.test", {}, {}, &unused};
  run_until_complete(loop(), converse(default_one));
  EXPECT_EQ(default_one.reply.value(), "you said hello");

  OneName wrong = chooser();
  Talk mistaken{server(), trusting(other), "insula.test", {}, {}, &wrong};
  run_until_complete(loop(), converse(mistaken));
  EXPECT_FALSE(mistaken.reply);
}

Task<> answer_half(std::shared_ptr<TlsContext> context, std::unique_ptr<Stream> stream) {
  auto secured =
      co_await tls_accept(std::move(context), std::move(stream), Loop::current().now() + 10s);
  if (!secured) co_return;
  std::array<char, 100> buffer{};
  EXPECT_TRUE((co_await (*secured)->read(buffer)).has_value());
  EXPECT_TRUE((co_await (*secured)->write("half")).has_value());
  (*secured)->abort();
}

Task<> hear_half(std::shared_ptr<TlsContext> server,
                 std::shared_ptr<TlsContext> client,
                 Result<std::string>& reply) {
  // Over TCP: a Unix socket knows no reset.
  const auto listener =
      Listener::bind(Loop::current(), Address::parse("127.0.0.1:0").value()).value();
  auto near = co_await dial(listener->address(), Loop::current().now() + 10s);
  auto far = co_await listener->accept();
  TaskGroup group;
  group.spawn(answer_half(std::move(server), *std::move(far)));
  reply = co_await ask(std::move(client), *std::move(near), "127.0.0.1");
}

TEST_P(TlsTest, AnAbortedStreamDoesNotLookComplete) {
  Result<std::string> reply;
  run_until_complete(loop(), hear_half(server(), client(false), reply));
  EXPECT_FALSE(reply.has_value());
}

TEST_P(TlsTest, RefusesAServerOfAnotherName) {
  Talk talk{server(), client(true), "other.test", {}, {}};
  run_until_complete(loop(), converse(talk));
  ASSERT_FALSE(talk.reply.has_value());
  EXPECT_NE(talk.reply.error().message().find("hostname mismatch"), std::string::npos)
      << talk.reply.error().message();
}

TEST_P(TlsTest, RefusesAClientCertificateOfAnotherAuthority) {
  const testing::Certificate stranger = certificate_of("insula-admin", "system:masters");
  auto context = TlsContext::client({.ca = server_pem_.pem,
                                     .certificate_chain = stranger.pem,
                                     .private_key = stranger.key,
                                     .alpn = {"http/1.1"}});
  Talk talk{server(), *context, "127.0.0.1", {}, {}};
  run_until_complete(loop(), converse(talk));
  EXPECT_FALSE(talk.reply.has_value());
  EXPECT_EQ(talk.peer, TlsPeer{});
}

TEST_P(TlsTest, SaysWhichPemTextIsUnusable) {
  const auto context =
      TlsContext::server({.certificate_chain = "junk", .private_key = server_pem_.key});
  ASSERT_FALSE(context.has_value());
  EXPECT_TRUE(context.error().message().starts_with("TLS certificate: "))
      << context.error().message();
}

}  // namespace
}  // namespace insula::net

#include "http/websocket.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/deadline.h"
#include "async/task_group.h"
#include "http/test_service.h"

namespace insula::http::websocket {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string client_frame(unsigned first, std::string payload) {
  const std::array<char, 4> mask{'\x12', '\x34', '\x56', '\x78'};
  std::string frame = frame_header(Opcode::kText, payload.size(), &mask);
  frame[0] = static_cast<char>(first);
  apply_mask(payload, mask);
  return frame + payload;
}

struct Outcome {
  std::vector<std::pair<Opcode, std::string>> events;
  std::uint16_t violation = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view text, std::size_t piece, std::size_t limit = 1000) {
  Decoder decoder(Role::kServer, limit);
  Outcome outcome;
  while (!text.empty() && !decoder.violation()) {
    std::string_view bytes = text.substr(0, piece);
    text.remove_prefix(bytes.size());
    while (auto event = decoder.next(bytes))
      outcome.events.emplace_back(event->opcode, event->payload);
  }
  if (decoder.violation()) outcome.violation = decoder.violation()->code;
  return outcome;
}

TEST(WebSocketDecoder, PutsFragmentsTogetherAroundControlFramesWhereverTheyAreCut) {
  const std::string text = client_frame(0x01, "hel") + client_frame(0x89, "p") +
                           client_frame(0x00, "l") + client_frame(0x80, "o \xc3\xa4") +
                           client_frame(0x82, std::string(300, 'b')) + client_frame(0x82, "") +
                           client_frame(0x88,
                                        "\x03\xe8"
                                        "bye"s);
  const Outcome expected{{{Opcode::kPing, "p"},
                          {Opcode::kText, "hello \xc3\xa4"},
                          {Opcode::kBinary, std::string(300, 'b')},
                          {Opcode::kBinary, ""},
                          {Opcode::kClose,
                           "\x03\xe8"
                           "bye"s}},
                         0};
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(decode(text, piece), expected) << piece;
}

TEST(WebSocketDecoder, RefusesViolationsWithTheirCloseCode) {
  struct Row {
    const char* why;
    std::string text;
    std::uint16_t code;
  };

  const std::string masked_length_16 = "\x82\xfe\x00\x05____"s;
  const std::string masked_length_64 = "\x82\xff\x00\x00\x00\x00\x00\x00\x01\x00____"s;
  const std::vector<Row> table = {
      {"reserved bit", client_frame(0xc1, "a"), 1002},
      {"unknown data opcode", client_frame(0x83, "a"), 1002},
      {"unknown control opcode", client_frame(0x8b, "a"), 1002},
      {"unmasked",
       "\x81\x01"
       "a",
       1002},
      {"continuation of nothing", client_frame(0x80, "a"), 1002},
      {"new message inside a message", client_frame(0x01, "a") + client_frame(0x81, "b"), 1002},
      {"fragmented ping", client_frame(0x09, "a"), 1002},
      {"long ping", client_frame(0x89, std::string(126, 'a')), 1002},
      {"length of two bytes for five", masked_length_16, 1002},
      {"length of eight bytes for 256", masked_length_64, 1002},
      {"too big", client_frame(0x82, std::string(1001, 'a')), 1009},
      {"too big in fragments", client_frame(0x02, std::string(999, 'a')) + client_frame(0x80, "ab"),
       1009},
      {"enormous", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff____"s, 1009},
      {"text that is not UTF-8", client_frame(0x81, "\xff"), 1007},
      {"overlong UTF-8", client_frame(0x81, "\xc0\x80"), 1007},
      {"surrogate", client_frame(0x81, "\xed\xa0\x80"), 1007},
      {"half a character", client_frame(0x81, "\xe2\x82"), 1007},
      {"half a close code", client_frame(0x88, "\x03"), 1002},
      {"close code 1005", client_frame(0x88, "\x03\xed"), 1002},
      {"close code 999", client_frame(0x88, "\x03\xe7"), 1002},
      {"close reason that is not UTF-8", client_frame(0x88, "\x03\xe8\xff"), 1007},
  };
  for (const Row& row : table) {
    EXPECT_EQ(decode(row.text, row.text.size()).violation, row.code) << row.why;
    EXPECT_EQ(decode(row.text, 1).violation, row.code) << row.why;
  }
}

TEST(WebSocketFrame, CutsALongCloseReasonBetweenCharacters) {
  std::string reason;
  for (int i = 0; i < 62; ++i)
    reason += "\xc3\xa4";
  const std::string payload = close_payload(1000, reason);
  EXPECT_EQ(payload.size(), 2u + 122u);
}

/// Echoes messages; "close" makes it close.
class EchoService final : public Handler {
 public:
  Task<> handle(Exchange& exchange) override {
    Options options;
    options.protocols = {"v5.channel.k8s.io", "v4.channel.k8s.io"};
    options.message_bytes = 200'000;
    auto socket = co_await accept(exchange, std::move(options));
    if (!socket) co_return;
    for (;;) {
      auto message = co_await (*socket)->read();
      if (!message) {
        error = message.error().message();
        co_return;
      }
      if (!*message) {
        close_code = (*socket)->close_code();
        co_return;
      }
      if ((*message)->data == "close") {
        (void)co_await (*socket)->close(4000, "as asked", soon());
        co_return;
      }
      const bool text = (*message)->opcode == Opcode::kText;
      if (text) {
        EXPECT_TRUE(co_await (*socket)->write_text((*message)->data));
      } else {
        EXPECT_TRUE(co_await (*socket)->write_binary((*message)->data));
      }
    }
  }

  std::string error;
  std::uint16_t close_code = 0;
};

struct EchoServer {
  explicit EchoServer(Loop& loop) : server(service, {}) {
    auto listener = net::Listener::bind(loop, net::Address::parse("127.0.0.1:0").value());
    origin = {(*listener)->address(), "a", false};
    server.serve(*std::move(listener));
  }

  EchoService service;
  Server server;
  Origin origin;
};

Task<Result<std::unique_ptr<Connection>>> dial(EchoServer& echo,
                                               Client& client,
                                               std::vector<std::string> protocols) {
  Options options;
  options.protocols = std::move(protocols);
  Request request;
  request.target = "/exec?command=sh";
  co_return co_await connect(client, echo.origin, std::move(request), std::move(options), soon());
}

Task<> converse(EchoServer& echo, Client& client) {
  auto socket = co_await dial(echo, client, {"v1.other", "v4.channel.k8s.io"});
  EXPECT_EQ((*socket)->protocol(), "v4.channel.k8s.io");
  EXPECT_TRUE(co_await (*socket)->ping("are you there"));
  for (const std::size_t size : {0, 1, 125, 126, 65535, 65536, 150'000}) {
    const std::string data(size, 'x');
    EXPECT_TRUE(co_await (*socket)->write_binary(data));
    auto echoed = co_await (*socket)->read();
    EXPECT_EQ(echoed.value()->data, data);
    EXPECT_EQ(echoed.value()->opcode, Opcode::kBinary);
  }
  EXPECT_TRUE(co_await (*socket)->write_text("h\xc3\xa4"));
  EXPECT_EQ((co_await (*socket)->read()).value()->opcode, Opcode::kText);
  EXPECT_TRUE(co_await (*socket)->close(kCloseNormal, "done", soon()));
  EXPECT_FALSE(co_await (*socket)->write_text("too late"));
  while (echo.service.close_code == 0)
    co_await yield();
  EXPECT_EQ(echo.service.close_code, kCloseNormal);
}

TEST(WebSocket, CarriesMessagesOfEverySizeBothWays) {
  Loop loop;
  EchoServer echo(loop);
  Client client({});
  run_until_complete(loop, converse(echo, client));
}

Task<> be_closed(EchoServer& echo, Client& client) {
  auto socket = co_await dial(echo, client, {"v5.channel.k8s.io"});
  EXPECT_TRUE(co_await (*socket)->write_text("close"));
  EXPECT_FALSE((co_await (*socket)->read()).value().has_value());
  EXPECT_EQ((*socket)->close_code(), 4000);
  EXPECT_EQ((*socket)->close_reason(), "as asked");
}

TEST(WebSocket, LearnsWhyThePeerClosed) {
  Loop loop;
  EchoServer echo(loop);
  Client client({});
  run_until_complete(loop, be_closed(echo, client));
}

Task<> be_refused(EchoServer& echo, Client& client) {
  auto socket = co_await dial(echo, client, {"v1.other"});
  EXPECT_EQ(socket.error().code(), ErrorCode::kBadRequest);
  EXPECT_THAT(socket.error().message(), HasSubstr("subprotocols"));
  const auto plain =
      co_await talk(echo.origin.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(plain, StartsWith("HTTP/1.1 426 "));
  const auto key = co_await talk(
      echo.origin.address,
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n");
  EXPECT_THAT(key, StartsWith("HTTP/1.1 400 "));
}

TEST(WebSocket, RefusesAHandshakeThatDoesNotFit) {
  Loop loop;
  EchoServer echo(loop);
  Client client({});
  run_until_complete(loop, be_refused(echo, client));
}

constexpr const char* kHandshake =
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
    "websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io, "
    "v5.channel.k8s.io\r\n\r\n";

Task<> by_hand(EchoServer& echo, std::string frames, std::string& head, std::string& rest) {
  auto stream = co_await net::dial(echo.origin.address, soon());
  EXPECT_TRUE(co_await (*stream)->write(kHandshake));
  std::array<char, 4096> buffer;
  while (!head.ends_with("\r\n\r\n")) {
    const auto size = co_await (*stream)->read(std::span(buffer).first(1));
    if (!size || *size == 0) co_return;
    head.append(buffer.data(), *size);
  }
  EXPECT_TRUE(co_await (*stream)->write(frames));
  for (;;) {
    const auto size = co_await (*stream)->read(buffer);
    if (!size || *size == 0) co_return;
    rest.append(buffer.data(), *size);
  }
}

TEST(WebSocket, AnswersTheHandshakeOfTheRfcPingsAndViolations) {
  Loop loop;
  EchoServer echo(loop);
  std::string head;
  std::string rest;
  run_until_complete(loop,
                     by_hand(echo, client_frame(0x89, "hi") + client_frame(0x83, ""), head, rest));
  EXPECT_THAT(
      head,
      StartsWith(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"));
  EXPECT_THAT(rest, StartsWith("\x8a\x02hi\x88"));
  EXPECT_THAT(rest, HasSubstr("unknown opcode"));
  EXPECT_EQ(echo.service.error, "WebSocket: unknown opcode");
}

Task<> write_large(Connection& socket, const std::string& data) {
  EXPECT_TRUE(co_await socket.write_binary(data));
}

Task<Result<std::string>> read_bytes(net::Stream& stream, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t filled = 0; filled < size;) {
    INSULA_CO_TRY(const std::size_t got, co_await stream.read(std::span(text).subspan(filled)));
    if (got == 0) co_return insula::fail(ErrorCode::kUpstream, "too short");
    filled += got;
  }
  co_return text;
}

Task<> ping_a_busy_writer() {
  auto pair = net::stream_pair(Loop::current());
  auto& [ours, peer] = *pair;
  Connection::Parts parts{std::move(ours), Role::kServer, "", ""};
  Connection socket(std::move(parts), {}, system_random());
  const std::string large(4'000'000, 'x');
  TaskGroup group;
  group.spawn(write_large(socket, large));
  co_await yield();
  EXPECT_TRUE(co_await peer->write(client_frame(0x89, "hi") + client_frame(0x81, "text")));
  auto message = co_await with_deadline(soon(), socket.read());
  EXPECT_EQ(message.value()->data, "text");
  EXPECT_EQ(group.size(), 1u);
  const auto received = co_await with_deadline(soon(), read_bytes(*peer, 10 + large.size() + 4));
  EXPECT_EQ(received.value().substr(10 + large.size()), "\x8a\x02hi");
  co_await group.drained();
}

TEST(WebSocket, ReadsOnAndAnswersAPingAfterTheMessageThatIsBeingSent) {
  Loop loop;
  run_until_complete(loop, ping_a_busy_writer());
}

}  // namespace
}  // namespace insula::http::websocket

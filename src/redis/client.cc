#include "redis/client.h"

#include <array>
#include <fstream>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "async/deadline.h"
#include "async/loop.h"
#include "net/resolve.h"

namespace insula::redis {
namespace {

constexpr std::size_t kReadBytes = std::size_t{16} << 10U;
constexpr std::size_t kPasswordBytesMax = 4096;
constexpr std::string_view kNoScript = "NOSCRIPT";

/// Blocking.
Result<std::string> read_password(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("open the password of Redis, " + path.string());
  std::string password(kPasswordBytesMax, '\0');
  file.read(password.data(), static_cast<std::streamsize>(password.size()));
  password.resize(static_cast<std::size_t>(file.gcount()));
  while (password.ends_with('\n') || password.ends_with('\r'))
    password.pop_back();
  return password;
}

/// As servers name scripts: SHA-1 in hexadecimal digits. Spec: redis.io/docs, EVALSHA.
std::string script_hash(std::string_view script) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(script.data()), script.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest)
    hex += fmt::format("{:02x}", byte);
  return hex;
}

bool is_about_password(std::string_view error) {
  return error.starts_with("NOAUTH") || error.starts_with("WRONGPASS") ||
         error.starts_with("ERR invalid password");
}

std::unexpected<Error> said(const Reply& reply) {
  return fail(is_about_password(reply.text) ? ErrorCode::kUnauthenticated : ErrorCode::kUpstream,
              reply.text);
}

}  // namespace

std::string command_bytes(std::span<const std::string> command) {
  std::string bytes = fmt::format("*{}\r\n", command.size());
  for (const std::string& text : command)
    bytes.append(fmt::format("${}\r\n", text.size())).append(text).append("\r\n");
  return bytes;
}

Client::Client(ClientOptions options) : options_(std::move(options)) {}

Client::~Client() = default;

Task<Result<Reply>> Client::call(std::vector<std::string> command) {
  INSULA_CO_TRY(Reply reply, co_await answer(std::move(command)));
  if (reply.kind == Reply::Kind::kError) co_return said(reply);
  co_return reply;
}

Task<Result<Reply>> Client::run_script(const std::string& script,
                                       std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"EVALSHA", script_hash(script)});
  INSULA_CO_TRY(Reply reply, co_await answer(arguments));
  if (reply.kind == Reply::Kind::kError && reply.text.starts_with(kNoScript)) {
    arguments[0] = "EVAL";
    arguments[1] = script;
    INSULA_CO_TRY(reply, co_await answer(std::move(arguments)));
  }
  if (reply.kind == Reply::Kind::kError) co_return said(reply);
  co_return reply;
}

Task<Result<Reply>> Client::answer(std::vector<std::string> command) {
  // A server that went away is seen here, before something is sent in vain.
  if (stream_ != nullptr && stream_->has_unread()) stream_.reset();
  if (stream_ == nullptr) INSULA_CO_TRY_VOID(co_await connect());
  co_return co_await exchange(command_bytes(command));
}

Task<Result<Reply>> Client::exchange(std::string request) {
  auto answered = co_await with_deadline(
      Loop::current().now() + options_.reply_timeout,
      [](Client& self, std::string bytes) -> Task<Result<Reply>> {
        INSULA_CO_TRY_VOID(co_await self.stream_->write(bytes));
        std::array<char, kReadBytes> buffer{};
        for (;;) {
          INSULA_CO_TRY(auto reply, parse_reply(self.received_, self.options_.replies));
          if (reply) {
            self.received_.erase(0, reply->second);
            co_return std::move(reply->first);
          }
          INSULA_CO_TRY(const std::size_t got, co_await self.stream_->read(buffer));
          if (got == 0)
            co_return fail(ErrorCode::kUpstream, "the server has closed the connection");
          self.received_.append(buffer.data(), got);
        }
      }(*this, std::move(request)));
  // What is still on its way would be taken for the answer to the next command.
  if (!answered) stream_.reset();
  if (!answered && answered.error().code() == ErrorCode::kTimeout)
    co_return fail(ErrorCode::kTimeout, "the server did not answer in time");
  co_return answered;
}

Task<Result<>> Client::connect() {
  const Endpoint& to = options_.endpoint;
  const Deadline deadline = Loop::current().now() + options_.connect_timeout;
  received_.clear();
  std::vector<net::Address> addresses;
  if (to.path.empty()) {
    INSULA_CO_TRY(addresses,
                  co_await with_deadline(deadline, net::resolve(blocking_, to.host, to.port)));
  } else {
    INSULA_CO_TRY(const net::Address address, net::Address::unix_path(to.path));
    addresses.push_back(address);
  }
  Result<std::unique_ptr<net::Stream>> stream = fail(ErrorCode::kUpstream, "it has no address");
  for (const net::Address& address : addresses) {
    stream = co_await net::dial(address, deadline);
    if (stream) break;
  }
  if (stream && to.tls)
    stream = co_await net::tls_connect(options_.tls, *std::move(stream), to.host, deadline);
  if (!stream) co_return std::unexpected(std::move(stream).error());
  stream_ = *std::move(stream);
  ++connections_;
  auto greeted = co_await greet();
  if (!greeted) stream_.reset();
  co_return greeted;
}

/// Says who is asking, and for which database.
Task<Result<>> Client::greet() {
  const Endpoint& to = options_.endpoint;
  if (!options_.password_file.empty()) {
    INSULA_CO_TRY(
        const std::string password,
        co_await blocking_.run([file = options_.password_file] { return read_password(file); }));
    std::vector<std::string> command = {"AUTH", password};
    if (!to.user.empty()) command.insert(command.begin() + 1, to.user);
    INSULA_CO_TRY(const Reply reply, co_await exchange(command_bytes(command)));
    if (reply.kind == Reply::Kind::kError) co_return fail(ErrorCode::kUnauthenticated, reply.text);
  }
  if (to.database != 0) {
    const std::vector<std::string> command = {"SELECT", fmt::format("{}", to.database)};
    INSULA_CO_TRY(const Reply reply, co_await exchange(command_bytes(command)));
    if (reply.kind == Reply::Kind::kError) co_return said(reply);
  }
  co_return Result<>();
}

}  // namespace insula::redis

#include "cli/gateway_admin.h"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/session.h"
#include "http/client.h"
#include "http/url.h"
#include "json/parse.h"

namespace insula::cli {
namespace {

constexpr std::size_t kRefusalBytesMax = 4096;

std::string target_of(std::string path, const QueryParameters& parameters) {
  char before = '?';
  for (const auto& [name, value] : parameters) {
    path.append(1, before).append(name).append(1, '=').append(http::percent_encode(value));
    before = '&';
  }
  return path;
}

/// Why the gateway's socket gave no answer.
Error unreachable(const std::string& socket, Error error) {
  if (::access(socket.c_str(), W_OK) != 0 && errno == EACCES) {
    return {ErrorCode::kForbidden,
            fmt::format("only root and the user that the platform runs as may ask the gateway ({})",
                        socket)};
  }
  return with_hint(std::move(error).in("the gateway does not answer"));
}

Error refusal(int status, const std::string& body) {
  const auto parsed = json::parse(body);
  return {error_code_of_status(status),
          std::string(parsed ? (*parsed)["error"].text() : "the gateway refused")};
}

}  // namespace

Task<Result<>> ask_gateway(std::string data_dir,
                           std::string path,
                           QueryParameters parameters,
                           std::function<Result<>(std::string_view)> take) {
  const std::string socket = data_dir + "/gateway/admin.sock";
  INSULA_CO_TRY(const http::Origin origin, http::Origin::parse("unix:" + socket));
  http::Client client{http::ClientOptions{}};
  http::Request request;
  request.target = target_of(std::move(path), parameters);
  auto answer =
      co_await client.open(origin, std::move(request), system_clock().now() + kAnswerWithin);
  if (!answer) co_return std::unexpected(unreachable(socket, std::move(answer).error()));
  http::ResponseStream& stream = **answer;
  if (stream.status() != 200) {
    const auto body =
        co_await stream.read_all(kRefusalBytesMax, system_clock().now() + kAnswerWithin);
    co_return std::unexpected(refusal(stream.status(), body.value_or("")));
  }
  std::array<char, std::size_t{16} * 1024> buffer{};
  for (;;) {
    const auto got = co_await stream.read(buffer, system_clock().now() + kAnswerWithin);
    if (!got) co_return std::unexpected(Error(got.error()).in("the answer broke off"));
    if (*got == 0) co_return Result<>{};
    INSULA_CO_TRY_VOID(take({buffer.data(), *got}));
  }
}

Task<Result<std::string>> ask_gateway(std::string data_dir,
                                      std::string path,
                                      QueryParameters parameters) {
  std::string body;
  const auto collect = [&body](std::string_view piece) -> Result<> {
    body += piece;
    return {};
  };
  INSULA_CO_TRY_VOID(
      co_await ask_gateway(std::move(data_dir), std::move(path), std::move(parameters), collect));
  co_return body;
}

}  // namespace insula::cli
